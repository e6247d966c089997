"""Reference policies as recorded runs."""

import sqlite3
from contextlib import closing

import pytest
import torch

from genpolicy.composition.agent_recipe import Chosen
from genpolicy.dataset import DatasetRecipe
from genpolicy.errors import RegistryError, UsageError
from genpolicy.evaluation import Protocol
from genpolicy.recipe import recipe_values
from genpolicy.registry import Registry
from genpolicy.runs import resumption
from genpolicy.runs.measuring import measure_references
from genpolicy.runs.references import record_references


@pytest.fixture(scope="module")
def umaze(catalogue):
    entry = catalogue.find("dataset", "pointmaze/umaze")
    return Chosen(entry, catalogue.load(entry, DatasetRecipe)())


@pytest.fixture(scope="module")
def measured(umaze):
    return measure_references(umaze.recipe, episodes=1)


@pytest.fixture
def registry(tmp_path):
    with Registry.open(tmp_path / "registry.db") as registry:
        yield registry


def test_so_many_episodes_are_the_first_of_the_default_protocol(measured):
    assert list(measured) == ["random", "controller", "expert"]
    for record in measured.values():
        assert [episode.seed for episode in record.episodes] == [Protocol().seed]


def test_each_policy_becomes_a_finished_run_with_its_score(registry, umaze, measured, tmp_path):
    runs = record_references(
        measured,
        umaze,
        registry=registry,
        output=tmp_path / "runs",
        tags=("readme", "random"),
        command="agent datasets reference",
    )
    assert [run.policy for run in runs] == ["random", "controller", "expert"]
    data = umaze.recipe.load()
    for run in runs:
        detail = registry.run(run.run)
        (evaluation,) = detail.evaluations
        assert evaluation == run.evaluation == detail.final_evaluation
        assert evaluation.episodes == measured[run.policy].episodes
        assert evaluation.selection == "last"
        assert evaluation.random_return == data.reference.random_return
        assert (detail.state, detail.start.seed) == ("finished", Protocol().seed)
        assert set(detail.start.tags) == {"reference", run.policy, "readme", "random"}
        assert detail.start.dataset.fingerprint == data.fingerprint()
        assert detail.start.command == "agent datasets reference"
    assert not (tmp_path / "runs").exists()


def test_the_recipe_says_what_was_measured(registry, umaze, measured):
    first, second, _ = record_references(measured, umaze, registry=registry)
    start = registry.run(first.run).start
    options = recipe_values(umaze.recipe)
    assert start.recipe == {
        "reference": "random",
        "dataset": {"name": "genpolicy/pointmaze/umaze", "options": options},
        "evaluation": {"name": "default[episodes=1]", "episodes": 1, "seed": Protocol().seed},
    }
    assert set(start.origins.values()) == {"measurement"}
    assert [(part.slot, part.name) for part in start.parts] == [
        ("dataset", "genpolicy/pointmaze/umaze")
    ]
    assert start.recipe_hash != registry.run(second.run).start.recipe_hash
    (again, *_) = record_references(measured, umaze, registry=registry)
    assert registry.run(again.run).start.recipe_hash == start.recipe_hash


def test_summaries_and_sql_tell_the_policy(registry, umaze, measured, tmp_path):
    record_references(measured, umaze, registry=registry)
    assert {run.reference for run in registry.runs()} == {"random", "controller", "expert"}
    with closing(sqlite3.connect(tmp_path / "registry.db")) as file:
        rows = file.execute("SELECT reference, objective, selection FROM v_runs").fetchall()
    assert set(rows) == {(name, None, "last") for name in measured}


def test_there_is_nothing_to_resume(registry, umaze, measured, catalogue):
    run, *_ = record_references(measured, umaze, registry=registry)
    with pytest.raises(UsageError) as caught:
        resumption.resume(
            registry.run(run.run),
            registry=registry,
            catalogue=catalogue,
            device=torch.device("cpu"),
        )
    assert str(caught.value) == (
        f"run {run.run} measured the reference policy 'random' and trained nothing; there is "
        "nothing to resume, `agent datasets reference` measures it again"
    )


def test_a_run_that_is_not_wholly_recorded_is_an_error(
    registry, umaze, measured, tmp_path, monkeypatch
):
    start = registry.start

    def start_and_lose(run, **options):
        writer = start(run, **options)
        (tmp_path / "registry.db").unlink()
        return writer

    monkeypatch.setattr(registry, "start", start_and_lose)
    said = []
    with pytest.raises(RegistryError, match=r"run \w+ is not wholly recorded: .* was removed"):
        record_references(
            measured, umaze, registry=registry, output=tmp_path / "runs", say=said.append
        )
    assert len(said) == 1
    assert list((tmp_path / "runs").glob("*/unrecorded.jsonl"))
