import sys

import pytest
import torch

from genpolicy.agent import shapes_of
from genpolicy.bench import peers
from genpolicy.bench.acting import action_contest, loaded_agent, sample_contest
from genpolicy.bench.contests import contests
from genpolicy.bench.floor import record
from genpolicy.bench.peers.peer import Peer
from genpolicy.bench.start import start_contest
from genpolicy.bench.steps import as_it_runs, step_of
from genpolicy.bench.turns import FLOOR, OURS, hold
from genpolicy.composition.assemble import Shapes
from genpolicy.errors import RunError
from genpolicy.training import compiling
from genpolicy.training.sampler import Sampler

CPU = torch.device("cpu")
SMALL = ("critic.hidden=8", "objective.batch_size=16")


@pytest.fixture(autouse=True)
def threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def names(contest):
    return [contender.name for contender in contest.contenders]


@pytest.mark.slow
def test_every_stage_is_a_contest_with_its_own_batch(recipe_of, data_of, catalogue):
    recipe = recipe_of("objective=gmpg", "objective.policy_batch_size=4", *SMALL, "solver=euler:1")
    found = [*contests(recipe, data_of(recipe), CPU, catalogue, what=["steps"])]
    assert [(contest.what, contest.batch) for contest in found] == [
        ("step: behaviour", 16),
        ("step: critic", 16),
        ("step: policy", 4),
    ]


def test_the_floor_of_a_step_has_the_products_that_algebra_says(recipe_of, data_of, catalogue):
    recipe = recipe_of("objective=bc", "backbone=deterministic", "objective.batch_size=16")
    (step,) = contests(recipe, data_of(recipe), CPU, catalogue, what=["steps"])
    first, rest = 3 * 8 + 2 * 8, 8 * 8 + 8 * 2  # weights: of condition and sample; of what follows
    assert step.flops == 2 * 16 * (2 * first + 3 * rest)


def test_a_compiled_step_has_the_floor_of_the_eager_one(recipe_of, data_of, catalogue, monkeypatch):
    monkeypatch.setattr(compiling, "_BACKEND", "aot_eager")
    taken = {}
    for mode in ("off", "on", "auto"):
        recipe = recipe_of("objective=bc", "objective.batch_size=4", f"train.compile={mode}")
        (step,) = contests(recipe, data_of(recipe), CPU, catalogue, what=["steps"])
        hold(step, rounds=1)
        taken[mode] = step.flops
    assert taken["on"] == taken["off"] == taken["auto"] > 0


def test_on_cuda_auto_is_measured_as_it_runs_and_on_a_cpu_it_has_nothing_to_weigh(recipe_of):
    for mode, device, taken in (
        ("auto", "cpu", "off"),
        ("auto", "cuda", "auto"),
        ("on", "cpu", "on"),
        ("off", "cuda", "off"),
    ):
        recipe = recipe_of("objective=bc", f"train.compile={mode}")
        (stage,) = recipe.objective.stages()
        shapes = Shapes(observation_dim=3, action_shape=(2,))
        task = peers.Task(
            recipe=recipe,
            stage=stage,
            shapes=shapes,
            device=torch.device(device),
            sampler=None,
        )
        assert as_it_runs(task).recipe.train.compile == taken


def test_a_stage_that_is_over_begins_anew(recipe_of, data_of, catalogue):
    recipe = recipe_of("objective=bc", "objective.steps=2", "objective.batch_size=4")
    (step,) = contests(recipe, data_of(recipe), CPU, catalogue, what=["steps"])
    (figure,) = hold(step, rounds=2)
    assert figure.seconds[OURS].median > figure.seconds[FLOOR].median


def test_one_action_is_that_of_the_captured_graph(recipe_of, data_of, catalogue, monkeypatch):
    monkeypatch.setattr(peers, "ACTING", ())
    recipe = recipe_of("objective=bc", "backbone=flow", "solver=euler:3")
    agent = loaded_agent(recipe, data_of(recipe), CPU, catalogue)
    one, many = action_contest(agent), sample_contest(agent, 7)
    eager = sum(product.flops for product in record(lambda: agent.decide(torch.zeros(1, 3))))
    assert 0 < one.flops < eager  # times are embedded once and for all
    assert (one.amount, many.amount, many.batch) == (1, 7, 7)
    assert names(one) == names(many) == [OURS, FLOOR]


@pytest.mark.slow
def test_onnx_runtime_acts_beside_us_where_it_is_installed(recipe_of, data_of, catalogue):
    pytest.importorskip("onnxruntime")
    recipe = recipe_of("objective=bc", "backbone=flow", "solver=euler:2")
    agent = loaded_agent(recipe, data_of(recipe), CPU, catalogue)
    (figure,) = hold(sample_contest(agent, 5), rounds=1)
    assert figure.seconds.keys() == {OURS, FLOOR, "onnxruntime"}


@pytest.mark.parametrize(
    ("objective", "program"),
    [("iql", "d3rlpy"), ("iql", "torchrl"), ("gmpo", "torchrl"), ("td3-bc", "d3rlpy")],
)
def test_other_programs_take_part_where_they_take_the_same_step(
    recipe_of, data_of, catalogue, objective, program
):
    recipe = recipe_of(f"objective={objective}", *SMALL, "network.activation=relu")
    step = next(contests(recipe, data_of(recipe), CPU, catalogue, what=["steps"]))
    missing = f"{program} is not installed: pip install {program}"
    assert (program in names(step)) != (missing in step.remarks)


@pytest.mark.parametrize(
    "setting",
    ["train.clip_norm=1", "backbone=flow", "critic.layer_norm=true", "network.activation=mish"],
)
def test_no_other_program_takes_part_in_an_unequal_step(recipe_of, data_of, catalogue, setting):
    recipe = recipe_of("objective=iql", *SMALL, "network.activation=relu", setting)
    step = next(contests(recipe, data_of(recipe), CPU, catalogue, what=["steps"]))
    assert (names(step), step.remarks) == ([OURS, FLOOR], ())


def flops(work):
    return sum(product.flops for product in record(work))


@pytest.mark.parametrize(
    ("objective", "program"), [("iql", "d3rlpy"), ("iql", "torchrl"), ("td3-bc", "d3rlpy")]
)
def test_an_equal_step_has_about_as_many_products(recipe_of, data_of, objective, program):
    pytest.importorskip(program)
    sizes = ("network.hidden=64,64", "network.activation=relu", "objective.batch_size=16")
    recipe = recipe_of(f"objective={objective}", *sizes)
    data, (stage,) = data_of(recipe), recipe.objective.stages()
    task = peers.Task(
        recipe=recipe,
        stage=stage,
        shapes=shapes_of(data),
        device=CPU,
        sampler=Sampler(data, CPU),
    )
    works, remarks = peers.training_peers(task)
    assert program in works, remarks
    assert flops(works[program]) == pytest.approx(flops(step_of(task, 0)), rel=0.1)


def failing(message):
    def work(task):
        raise ValueError(message)

    return work


def test_a_program_that_fails_or_is_missing_is_told_of_and_stops_nothing(
    recipe_of, data_of, catalogue, monkeypatch
):
    told = {"install": "pip install it", "fits": lambda task: True}
    monkeypatch.setattr(
        peers,
        "TRAINING",
        (
            Peer(name="broken", package="sys", work=failing("no such thing\nat all"), **told),
            Peer(name="absent", package="no_such_program", work=failing(""), **told),
        ),
    )
    recipe = recipe_of("objective=bc", "objective.batch_size=4")
    (step,) = contests(recipe, data_of(recipe), CPU, catalogue, what=["steps"])
    assert names(step) == [OURS, FLOOR]
    assert step.remarks == (
        "broken failed and is left out: no such thing",
        "absent is not installed: pip install it",
    )


def test_a_process_is_measured_by_what_it_used_and_by_the_clock():
    ours = start_contest([sys.executable, "-c", "import time; time.sleep(0.2)"]).contenders[0]
    used = ours.turn()
    assert used.keys() == {"CPU", "wall"}
    assert used["wall"] >= 0.2
    assert 0.0 < used["CPU"] < used["wall"]


def test_a_process_that_fails_is_quoted():
    call = [
        sys.executable,
        "-c",
        "import sys; print('error: no room', file=sys.stderr); sys.exit(4)",
    ]
    with pytest.raises(RunError) as caught:
        start_contest(call).contenders[0].turn()
    assert str(caught.value) == (
        "a process that was to take its first training step ended with status 4: error: no room"
    )
