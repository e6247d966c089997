"""What tells two recorded runs apart."""

import attrs
import pytest

from genpolicy.comparison.run_changes import RunChange, not_comparable, run_changes
from genpolicy.records import DatasetRecord
from genpolicy.registry import Registry
from recorded import evaluation, record, run_start

OTHER = DatasetRecord(name="pointmaze/umaze", fingerprint="00" * 32, transitions=7, episodes=10)


@pytest.fixture
def told(tmp_path):
    """Return what the registry tells of runs that are recorded with evaluations."""

    def tell(*pairs):
        with Registry.open(tmp_path / "registry.db") as registry:
            for run, *evaluations in pairs:
                record(registry, run, *evaluations)
            return [registry.run(run.id) for run, *_ in pairs]

    return tell


def test_runs_that_are_alike_do_not_differ(told):
    assert run_changes(*told([run_start("a")], [run_start("b")])) == []


def test_all_that_differs_is_told_and_nothing_else(told):
    parts = {"objective": ("genpolicy/gmpg", {"beta": 3.0, "steps": 100})}
    parts |= {"critic": ("genpolicy/iql", {"tau": 0.1})}
    other = run_start(
        "b",
        parts,
        seed=4,
        dataset=OTHER,
        versions={"python": "3.12.1", "torch": "2.13.0"},
        host={"name": "there", "processors": 2},
        git_commit="abc",
    )
    found = run_changes(*told([run_start("a")], [other]))
    assert found == [
        RunChange("run", "seed", 0, 4),
        RunChange("run", "git commit", None, "abc"),
        RunChange("data", "fingerprint", "ef" * 6, "00" * 6),
        RunChange("data", "transitions", 1000, 7),
        RunChange("recipe", "objective.beta", 2.0, 3.0),
        RunChange("recipe", "critic", None, "genpolicy/iql"),
        RunChange("recipe", "critic.tau", None, 0.1),
        RunChange("versions", "python", "3.11.9", "3.12.1"),
        RunChange("host", "name", "here", "there"),
    ]


def test_sources_and_versions_of_the_parts_that_both_have_are_compared(told):
    run = run_start("b", {"network": ("genpolicy/other", {})})
    changed = tuple(attrs.evolve(part, source_hash="0" * 64, version="2.0") for part in run.parts)
    found = run_changes(*told([run_start("a")], [attrs.evolve(run, parts=changed)]))
    told_of = {change.what: (change.first, change.second) for change in found}
    assert told_of["backbone source"] == ("ab" * 6, "0" * 12)
    assert told_of["backbone from"] == ("genpolicy 1.0", "genpolicy 2.0")
    assert "network source" not in told_of, "another part has another source"


@pytest.mark.parametrize(
    ("run", "changes", "reason"),
    [
        ({}, {}, None),
        ({"seed": 3}, {"first_seed": 9}, None),
        ({"dataset": OTHER}, {}, "other data"),
        ({}, {"protocol": "horizon-300"}, "another protocol"),
        ({}, {"selection": "best"}, "another selection"),
        ({}, {"expert_return": 50.0}, "other reference returns"),
    ],
)
def test_scores_compare_only_where_they_were_made_alike(told, run, changes, reason):
    pairs = (
        [run_start("a"), evaluation([1.0])],
        [run_start("b", **run), evaluation([2.0], **changes)],
    )
    assert not_comparable(*told(*pairs)) == reason


def test_a_run_without_a_final_score_compares_with_none(told):
    runs = told([run_start("a"), evaluation([1.0])], [run_start("b")])
    assert not_comparable(*runs) == not_comparable(*reversed(runs)) == "not scored"
