"""Which runs are meant, and in which order."""

from datetime import UTC, datetime, timedelta

import pytest

from genpolicy.errors import OptionError
from genpolicy.records import DatasetRecord
from genpolicy.registry import SORTS, RunQuery
from recorded import evaluation, record, run_start

OTHER = DatasetRecord(name="toy/two_moons", fingerprint="00" * 32, transitions=9, episodes=3)


@pytest.fixture
def three(registry):
    """Return a registry with three runs: fl (score 20), di (score 60), un (not scored)."""
    record(registry, run_start("fl", seed=1, tags=("paper", "final")), evaluation([10.0, 30.0]))
    diffusion = {
        "backbone": ("genpolicy/diffusion", {}),
        "critic": ("drift/iql", {}),
        "objective": ("genpolicy/gmpo", {}),
    }
    record(
        registry,
        run_start("di", diffusion, seed=2, tags=("paper",)),
        evaluation([60.0, 60.0, 60.0]),
    )
    record(registry, run_start("un", seed=1, dataset=OTHER))
    return registry


def found(registry, **wanted):
    query = RunQuery(**wanted)
    runs = registry.runs(query)
    assert registry.count(query) == len(runs)
    return sorted(run.id for run in runs)


def test_nothing_asked_restricts_nothing(three):
    assert found(three) == ["di", "fl", "un"]


def test_parts_are_found_by_full_or_bare_names_and_patterns(three):
    assert found(three, parts={"backbone": ("flow",)}) == ["fl", "un"]
    assert found(three, parts={"backbone": ("genpolicy/flow",)}) == ["fl", "un"]
    assert found(three, parts={"backbone": ("FLOW", "dif*")}) == ["di", "fl", "un"]
    assert found(three, parts={"critic": ("iql",)}) == ["di"]
    assert found(three, parts={"critic": ("genpolicy/iql",)}) == []
    assert found(three, parts={"backbone": ("flow",), "critic": ("*",)}) == []
    assert found(three, parts={"objective": ("gmp?",)}) == ["di", "fl", "un"]
    assert found(three, parts={"backbone": ()}) == []


def test_data_are_found_by_patterns_in_which_nothing_else_is_special(three):
    assert found(three, datasets=("pointmaze/*",)) == ["di", "fl"]
    assert found(three, datasets=("toy/two_moons", "elsewhere")) == ["un"]
    assert found(three, datasets=("toy/two?moons",)) == ["un"]
    assert found(three, datasets=("pointmaze_umaze",)) == []
    assert found(three, datasets=("%",)) == []


def test_runs_have_all_tags_and_one_of_the_seeds(three):
    assert found(three, tags=("paper",)) == ["di", "fl"]
    assert found(three, tags=("paper", "final")) == ["fl"]
    assert found(three, seeds=(1,)) == ["fl", "un"]
    assert found(three, seeds=(2, 3)) == ["di"]


def test_runs_are_found_by_their_final_score(three):
    assert found(three, min_score=20.0) == ["di", "fl"]
    assert found(three, min_score=20.1) == ["di"]
    assert found(three, max_score=20.0) == ["fl"]
    assert found(three, min_score=0.0, max_score=100.0, tags=("final",)) == ["fl"]


def test_runs_are_found_by_when_they_were_entered(three):
    moments = sorted(run.created for run in three.runs())
    assert found(three, since=moments[0]) == ["di", "fl", "un"]
    assert found(three, until=moments[0]) == []
    assert found(three, since=moments[2], until=moments[2] + timedelta(seconds=1)) == ["un"]
    assert found(three, since=datetime.now(UTC) + timedelta(days=1)) == []


def test_runs_are_found_by_how_their_ids_begin(three):
    assert found(three, ids=("f", "un")) == ["fl", "un"]
    assert found(three, ids=("%",)) == []


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("created", ["un", "di", "fl"]),
        ("run", ["di", "fl", "un"]),
        ("score", ["di", "fl", "un"]),
        ("return", ["di", "fl", "un"]),
        ("episodes", ["di", "fl", "un"]),
        ("seed", ["un", "fl", "di"]),
        ("dataset", ["di", "fl", "un"]),
        ("backbone", ["di", "un", "fl"]),
        ("critic", ["di", "un", "fl"]),
        ("objective", ["un", "fl", "di"]),
    ],
)
def test_runs_are_sorted_and_those_without_a_value_come_last(path, three, sort, order):
    assert [run.id for run in three.runs(RunQuery(sort=sort))] == order


def test_an_order_can_be_turned_round_and_cut(three):
    assert [run.id for run in three.runs(RunQuery(sort="score", reverse=True))] == [
        "fl",
        "di",
        "un",
    ]
    assert [run.id for run in three.runs(RunQuery(sort="run", limit=1))] == ["di"]
    assert three.count(RunQuery(sort="score", limit=1)) == 3


def test_runs_can_be_sorted_by_everything_that_is_offered(three):
    for sort in SORTS:
        assert len(three.runs(RunQuery(sort=sort))) == 3, sort


def test_an_unknown_order_is_refused(three):
    with pytest.raises(OptionError, match="runs cannot be sorted by 'luck'; choose run, created"):
        three.runs(RunQuery(sort="luck"))


def test_data_are_found_by_their_names_in_any_alphabet(registry):
    for id, name in (("un", "Ünö"), ("ja", "迷路"), ("up", "MAZE-É")):
        data = DatasetRecord(name=name, fingerprint="00" * 32, transitions=9, episodes=3)
        record(registry, run_start(id, dataset=data))
    assert found(registry, datasets=("Ünö",)) == ["un"]
    assert found(registry, datasets=("ÜNö",)) in ([], ["un"]), "as the database knows its letters"
    assert found(registry, datasets=("Ü*", "迷?")) == ["ja", "un"]
    assert found(registry, datasets=("maze-É",)) == ["up"]


def test_a_seed_that_no_run_can_have_fits_none(three):
    assert found(three, seeds=(10**20, -(10**20))) == []
    assert found(three, seeds=(10**20, 2)) == ["di"]
