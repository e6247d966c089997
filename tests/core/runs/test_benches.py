import time

import pytest
import torch

from genpolicy.bench.turns import Figure, Spread
from genpolicy.comparison.footing import comparable
from genpolicy.composition.layers import from_arguments
from genpolicy.composition.resolve import resolve
from genpolicy.dataset import DatasetRecipe
from genpolicy.discovery import load_catalogue
from genpolicy.errors import RegistryError, UsageError
from genpolicy.registry import Registry
from genpolicy.runs import reproduction, resumption
from genpolicy.runs.benches import record_bench

CPU = torch.device("cpu")
OURS, FLOOR = Spread(median=2.0, low=1.0, high=3.0), Spread(median=1.0, low=1.0, high=1.0)
FIGURES = (
    Figure(
        what="step: policy",
        batch=256,
        amount=1,
        seconds={"genpolicy": OURS, "floor": FLOOR},
        ratios={"floor": OURS},
        rounds=7,
        flops=12,
    ),
    Figure(
        what="first step (CPU)",
        batch=None,
        amount=None,
        seconds={"genpolicy": OURS},
        ratios={},
        rounds=3,
    ),
)


@pytest.fixture(scope="module")
def catalogue():
    return load_catalogue()


@pytest.fixture
def registry(tmp_path):
    with Registry.open(tmp_path / "registry.db") as opened:
        yield opened


@pytest.fixture
def recorded(catalogue, registry, tmp_path):
    settings = from_arguments(["dataset=random:3,2", "objective=bc", "dataset.transitions=50"])
    recipe = resolve(catalogue, [settings], recipe="none")
    data = recipe.part("dataset", DatasetRecipe).prepare()
    run = record_bench(
        lambda: FIGURES,
        recipe,
        data,
        registry=registry,
        device=CPU,
        tags=["mine"],
        command="agent bench",
    )
    return registry.run(run)


def test_figures_are_the_metrics_of_a_finished_run(recorded):
    assert (recorded.state, recorded.start.tags) == ("finished", ("bench", "mine"))
    assert recorded.start.command == "agent bench"
    assert recorded.start.host["processors"] >= 1
    step, first = (
        recorded.metrics if recorded.metrics[0].stage[6] == "s" else recorded.metrics[::-1]
    )
    assert (step.stage, first.stage) == ("bench/step: policy", "bench/first step (CPU)")
    assert step.values == {
        "batch": 256,
        "per_second": 0.5,
        "flops": 12,
        "rounds": 7,
        "seconds/genpolicy": 2.0,
        "seconds/genpolicy_low": 1.0,
        "seconds/genpolicy_high": 3.0,
        "seconds/floor": 1.0,
        "seconds/floor_low": 1.0,
        "seconds/floor_high": 1.0,
        "over/floor": 2.0,
        "over/floor_low": 1.0,
        "over/floor_high": 3.0,
    }
    assert first.values.keys() == {"rounds"} | {
        f"seconds/genpolicy{end}" for end in ("", "_low", "_high")
    }


def test_a_bench_is_found_by_its_parts_and_is_no_trained_agent(recorded, registry):
    (summary,) = registry.runs()
    assert summary.parts["objective"] == "genpolicy/bc"
    assert summary.reference == "bench"
    with pytest.raises(UsageError, match="none of the runs asked for has finished training"):
        comparable([summary])


def test_there_is_nothing_to_resume_or_to_reproduce(recorded, registry, catalogue, tmp_path):
    known = {"registry": registry, "catalogue": catalogue, "device": CPU}
    said = f"run {recorded.id} measured how fast its parts are and trained nothing; "
    with pytest.raises(UsageError) as resumed:
        resumption.resume(recorded, **known)
    assert str(resumed.value) == (
        f"{said}there is nothing to resume, `agent bench` measures it again"
    )
    with pytest.raises(UsageError) as repeated:
        reproduction.repeat(recorded, **known, output=tmp_path)
    assert str(repeated.value) == f"{said}`agent bench` measures it again"


def test_figures_that_are_not_wholly_recorded_are_an_error(
    catalogue, registry, tmp_path, monkeypatch
):
    start = registry.start

    def start_and_lose(run, **options):
        writer = start(run, **options)
        (tmp_path / "registry.db").unlink()
        return writer

    monkeypatch.setattr(registry, "start", start_and_lose)
    recipe = resolve(catalogue, [from_arguments(["dataset=random:3,2"])], recipe="none")
    data = recipe.part("dataset", DatasetRecipe).prepare()
    with pytest.raises(RegistryError, match=r"run \w+ is not wholly recorded: .* was removed"):
        record_bench(
            lambda: FIGURES,
            recipe,
            data,
            registry=registry,
            device=CPU,
            output=tmp_path / "runs",
            say=lambda message: None,
        )


def test_a_run_lasts_as_long_as_it_measures(catalogue, registry):
    recipe = resolve(catalogue, [from_arguments(["dataset=random:3,2"])], recipe="none")
    data = recipe.part("dataset", DatasetRecipe).prepare()

    def measure():
        time.sleep(0.3)
        return FIGURES

    run = registry.run(record_bench(measure, recipe, data, registry=registry, device=CPU))
    assert run.seconds >= 0.25


@pytest.mark.parametrize(
    ("error", "state", "message"),
    [(UsageError("no"), "failed", "no"), (KeyboardInterrupt(), "interrupted", "KeyboardInterrupt")],
)
def test_a_bench_that_ends_early_says_so(error, state, message, catalogue, registry):
    recipe = resolve(catalogue, [from_arguments(["dataset=random:3,2"])], recipe="none")
    data = recipe.part("dataset", DatasetRecipe).prepare()

    def measure():
        raise error

    with pytest.raises(type(error)):
        record_bench(measure, recipe, data, registry=registry, device=CPU)
    (run,) = registry.runs()
    assert (run.state, registry.run(run.id).message) == (state, message)
