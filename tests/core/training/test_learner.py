import copy
from collections.abc import Callable

import attrs
import pytest
import torch
from torch import Tensor

from genpolicy.agent import shapes_of
from genpolicy.composition.agent_recipe import AgentRecipe
from genpolicy.dataset import Dataset
from genpolicy.discovery.catalogue import load_catalogue
from genpolicy.errors import FitError
from genpolicy.guide import Guide
from genpolicy.training.learner import Learner
from genpolicy.training.sampler import Sampler
from objectives import OBJECTIVES, PLAIN, options

Maker = Callable[..., AgentRecipe]
DataMaker = Callable[..., Dataset]
CPU = torch.device("cpu")

BACKBONES = {
    "flow": (),
    "ot-flow": (),
    "diffusion": (),
    "consistency": (),
    "trajectory": (),
    "shortcut": (),
    "mean-flow": (),
    "bidirectional": (),
    "one-step": (),
    "gaussian": (),
    "deterministic": (),
    "diffusion noise": ("backbone.head=noise",),
    "diffusion gvp": ("backbone.path=gvp",),
    "diffusion ve": ("backbone.path=ve",),
}
WITHOUT_VELOCITY = {"consistency", "one-step", "gaussian", "deterministic"}
NETWORKS = {
    "mlp": ("network.hidden=8", "network.time_dim=4"),
    "residual-mlp": ("network.width=8", "network.blocks=1", "network.time_dim=4"),
    "temporal-spatial-residual": (
        "network.hidden=8,4",
        "network.embedding=4",
        "network.conditioning=4",
    ),
    "transformer": ("network.width=8", "network.heads=2", "network.blocks=1"),
}

ON_EVERY_NETWORK = ("bc", "gmpo", "gmpg", "gmpg probed")
CASES = [
    *((objective, network) for objective in ON_EVERY_NETWORK for network in NETWORKS),
    *((objective, "mlp") for objective in OBJECTIVES if objective not in ON_EVERY_NETWORK),
]
VELOCITY = (WITHOUT_VELOCITY, "knows its velocity")
SCORE = (WITHOUT_VELOCITY | {"ot-flow"}, "travels on a known Gaussian path")
REFUSED = {
    "gmpg": VELOCITY,
    "gmpg probed": VELOCITY,
    "gmpg path": SCORE,
    "edp": VELOCITY,
    "qgpo": SCORE,
    "srpo": SCORE,
    "qam": SCORE,
}
"""Which backbones an objective refuses, and what it misses in them."""

ODE_SOLVERS = {"euler": 2, "midpoint": 2, "heun": 2, "rk4": 2, "dopri5": None, "torchdiffeq": None}
"""The solvers through which GMPG differentiates, with their steps."""
OTHER_SOLVERS = {"ddim", "ddpm", "sde", "dpm-solver++", "jump"}


def _learner(recipe: AgentRecipe, data: Dataset) -> Learner:
    torch.manual_seed(recipe.seed)
    return Learner(recipe, shapes_of(data), CPU)


def _snapshot(model: torch.nn.Module) -> dict[str, Tensor]:
    return {key: value.clone() for key, value in model.state_dict().items()}


def _same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return all(torch.equal(one[key], other[key]) for key in one)


def test_every_shipped_part_is_combined_here() -> None:
    catalogue = load_catalogue()

    def names(kind: str) -> set[str]:
        return {part.spec.name for part in catalogue.parts(kind)}

    assert {name.partition(" ")[0] for name in BACKBONES} == names("backbone")
    assert set(NETWORKS) == names("network")
    assert {name.partition(" ")[0] for name in OBJECTIVES} == names("objective")
    assert {*ODE_SOLVERS, *OTHER_SOLVERS} == names("solver")


@pytest.mark.parametrize(("objective", "network"), CASES)
@pytest.mark.parametrize("backbone", BACKBONES)
def test_every_combination_trains_every_weight_of_its_policy_or_is_refused(
    backbone: str, network: str, objective: str, small_recipe: Maker, make_dataset: DataMaker
) -> None:
    name, part = objective.partition(" ")[0], backbone.partition(" ")[0]
    settings = (
        f"backbone={part}",
        f"network={network}",
        f"solver={'jump' if part in WITHOUT_VELOCITY else 'euler:2'}",
        *BACKBONES[backbone],
        *NETWORKS[network],
        *options(objective, 1),
    )
    refused, missed = REFUSED.get(objective, ((), ""))
    if part in refused:
        sentence = rf"{name} needs a backbone( as its behaviour)? that {missed}.*, but '{part}'"
        with pytest.raises(FitError, match=sentence):
            small_recipe(name, *settings)
        return
    _train_every_weight(small_recipe(name, *settings), make_dataset())


@pytest.mark.parametrize("solver", ODE_SOLVERS)
@pytest.mark.parametrize("objective", ["gmpg", "gmpg probed"])
def test_gmpg_trains_through_every_ode_solver(
    objective: str, solver: str, small_recipe: Maker, make_dataset: DataMaker
) -> None:
    steps = ODE_SOLVERS[solver]
    settings = (f"solver={solver}", *([f"solver.steps={steps}"] if steps else []))
    recipe = small_recipe("gmpg", *settings, *NETWORKS["mlp"], *options(objective, 1))
    _train_every_weight(recipe, make_dataset())


@pytest.mark.parametrize("solver", sorted(OTHER_SOLVERS))
def test_gmpg_refuses_a_solver_that_integrates_no_velocity(
    solver: str, small_recipe: Maker
) -> None:
    with pytest.raises(FitError, match="gmpg needs a solver that integrates a velocity"):
        small_recipe("gmpg", f"solver={solver}")


def _train_every_weight(recipe: AgentRecipe, data: Dataset) -> None:
    """Where actions have no bounds: beyond them fresh weights would learn nothing from a critic."""
    torch.manual_seed(recipe.seed)
    unbounded = attrs.evolve(shapes_of(data), action_low=None, action_high=None)
    learner, sampler = Learner(recipe, unbounded, CPU), Sampler(data, CPU)
    for number, stage in enumerate(recipe.objective.stages()):
        learner.means.clear()
        learner.take_step(sampler.draw(stage.batch_size), learner.enter(number, stage))
        for role in stage.learning_rates:
            _check_gradients(learner.models.trainable(role))
        snapshot = learner.means.close(learner.step)
        assert snapshot is not None
        assert snapshot.first_bad_step() is None


def _check_gradients(model: torch.nn.Module) -> None:
    for key, weight in model.named_parameters():
        if not weight.requires_grad:
            assert "teacher" in key or key.startswith("target"), key
            continue
        assert weight.grad is not None, key
        assert torch.isfinite(weight.grad).all(), key
        blind = isinstance(model, Guide) and weight.shape == (
            1,
        )  # to what is added to all energies
        assert blind or weight.grad.abs().sum() > 0, key


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_a_training_step_never_waits_for_the_device(
    objective: str,
    small_recipe: Maker,
    make_dataset: DataMaker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = (
        "train.ema=0.9",
        "train.clip_norm=1",
        "train.schedule=cosine",
        *options(objective, 20),
    )
    solver = "jump" if objective in PLAIN else "midpoint"
    name = objective.partition(" ")[0]
    recipe, data = small_recipe(name, f"solver={solver}", *settings), make_dataset()
    learner, sampler = _learner(recipe, data), Sampler(data, CPU)

    def wait(*_: object) -> None:
        raise AssertionError("the step asks the device for a value")

    for number, stage in enumerate(recipe.objective.stages()):
        learner.means.clear()
        updates = learner.enter(number, stage)
        with monkeypatch.context() as patch:
            for name in ("item", "tolist", "numpy", "cpu", "nonzero"):
                patch.setattr(Tensor, name, wait)
            for name in ("bool", "float", "int", "index", "contains"):
                patch.setattr(Tensor, f"__{name}__", wait)
            for _ in range(3):
                learner.take_step(sampler.draw(stage.batch_size), updates)


@pytest.mark.parametrize("objective", ["gmpo", "gmpg"])
def test_what_does_not_train_keeps_its_weights_and_gets_no_gradient(
    objective: str, small_recipe: Maker, make_dataset: DataMaker
) -> None:
    recipe, data = small_recipe(objective, *options(objective, 20)), make_dataset()
    learner, sampler = _learner(recipe, data), Sampler(data, CPU)
    for number, stage in enumerate(recipe.objective.stages()):
        learner.means.clear()
        updates = learner.enter(number, stage)
        models = learner.models.all()
        before = {name: _snapshot(model) for name, model in models.items()}
        for _ in range(3):
            learner.take_step(sampler.draw(stage.batch_size), updates)
        for name, model in models.items():
            trains = name in stage.learning_rates
            assert model.training == trains
            assert _same(before[name], model.state_dict()) != trains, (stage.name, name)
            if not trains:
                assert all(weight.grad is None for weight in model.parameters()), name


def test_a_copy_starts_from_its_sources_weights(
    small_recipe: Maker, make_dataset: DataMaker
) -> None:
    recipe, data = small_recipe("gmpg", "train.ema=0.9", *options("gmpg", 20)), make_dataset()
    learner, sampler = _learner(recipe, data), Sampler(data, CPU)
    stages = recipe.objective.stages()
    roles = learner.models.roles
    assert not _same(_snapshot(roles["policy"]), roles["behaviour"].state_dict())
    learner.take_step(sampler.draw(8), learner.enter(0, stages[0]))
    learner.enter(2, stages[2])
    assert _same(_snapshot(roles["policy"]), roles["behaviour"].state_dict())
    acting = learner.agent("policy", data, "").models.roles["policy"]
    assert acting is not roles["policy"]
    assert _same(_snapshot(roles["policy"]), acting.state_dict())


@pytest.mark.parametrize("copies", [{}, {"policy": "policy"}])
def test_slow_copies_start_again_only_where_their_role_does(
    copies: dict[str, str], small_recipe: Maker, make_dataset: DataMaker
) -> None:
    """A role that goes on in a later stage keeps its average, unless it gets a copy there."""
    recipe, data = small_recipe("bc", "train.ema=0.9", *options("bc", 20)), make_dataset()
    learner, sampler = _learner(recipe, data), Sampler(data, CPU)
    first = recipe.objective.stages()[0]
    second = attrs.evolve(first, name="more", copies=copies)
    learner._stages = [first, second]
    learner.take_step(sampler.draw(8), learner.enter(0, first))
    average = _snapshot(learner.agent("policy", data, "").models.roles["policy"])
    learner.means.clear()
    learner.enter(1, second)
    found = learner.agent("policy", data, "").models.roles["policy"].state_dict()
    present = learner.models.roles["policy"].state_dict()
    assert not _same(average, present)
    assert _same(average, found) == (not copies)
    assert _same(present, found) == bool(copies)


def test_the_average_of_a_role_that_gets_a_copy_without_training_starts_there(
    small_recipe: Maker, make_dataset: DataMaker
) -> None:
    recipe, data = small_recipe("gmpg", "train.ema=0.9", *options("gmpg", 20)), make_dataset()
    learner = _learner(recipe, data)
    _, critic, _ = recipe.objective.stages()
    learner.enter(1, attrs.evolve(critic, copies={"policy": "behaviour"}))
    acting = learner.agent("policy", data, "").models.roles["policy"].state_dict()
    assert _same(_snapshot(learner.models.roles["behaviour"]), acting)


def test_a_stage_is_entered_once(small_recipe: Maker, make_dataset: DataMaker) -> None:
    """Entering it again, as after a checkpoint within it, copies and resets nothing."""
    recipe, data = small_recipe("gmpg", *options("gmpg", 20)), make_dataset()
    learner, sampler = _learner(recipe, data), Sampler(data, CPU)
    stage = recipe.objective.stages()[2]
    updates = learner.enter(2, stage)
    learner.take_step(sampler.draw(8), updates)
    before = _snapshot(learner.models.roles["policy"])
    assert learner.enter(2, stage) is updates
    assert learner.index == 1
    assert _same(before, learner.models.roles["policy"].state_dict())


def test_the_averaged_policy_follows_and_acts(small_recipe: Maker, make_dataset: DataMaker) -> None:
    recipe, data = small_recipe("bc", "train.ema=0.75", *options("bc", 20)), make_dataset()
    learner, sampler = _learner(recipe, data), Sampler(data, CPU)
    updates = learner.enter(0, recipe.objective.stages()[0])
    expected = _snapshot(learner.models.roles["policy"])
    for _ in range(4):
        learner.take_step(sampler.draw(8), updates)
        for key, value in learner.models.roles["policy"].state_dict().items():
            expected[key] = 0.75 * expected[key] + 0.25 * value
    acting = learner.agent("policy", data, "").models.roles["policy"].state_dict()
    for key, value in expected.items():
        torch.testing.assert_close(acting[key], value)


def test_without_an_average_the_policy_itself_acts(
    small_recipe: Maker, make_dataset: DataMaker
) -> None:
    recipe, data = small_recipe("bc", *options("bc", 20)), make_dataset()
    learner = _learner(recipe, data)
    assert (
        learner.agent("policy", data, "").models.roles["policy"] is learner.models.roles["policy"]
    )


def test_metrics_are_named_by_their_role(small_recipe: Maker, make_dataset: DataMaker) -> None:
    recipe, data = small_recipe("gmpo", *options("gmpo", 20)), make_dataset()
    learner, sampler = _learner(recipe, data), Sampler(data, CPU)
    learner.take_step(sampler.draw(8), learner.enter(0, recipe.objective.stages()[0]))
    assert learner.means.names == (
        "critic/loss",
        "critic/value_loss",
        "critic/q_loss",
        "critic/q",
        "critic/value",
    )


@pytest.mark.parametrize(
    ("objective", "solver"),
    [
        ("gmpg", "midpoint"),
        ("fql", "midpoint"),
        ("gtp", "jump:2"),
        ("qgpo", "midpoint"),
        ("qam", "midpoint"),
        ("rebrac", "jump"),
    ],
)
def test_a_state_holds_all_that_the_next_step_depends_on(
    objective: str, solver: str, small_recipe: Maker, make_dataset: DataMaker
) -> None:
    settings = ("train.ema=0.9", "train.schedule=cosine", *options(objective, 20))
    recipe, data = small_recipe(objective, f"solver={solver}", *settings), make_dataset()
    stages, sampler = recipe.objective.stages(), Sampler(data, CPU)
    learner, last = _learner(recipe, data), len(stages) - 1
    updates = learner.enter(last, stages[last])
    for _ in range(3):
        learner.take_step(sampler.draw(8), updates)
    state = copy.deepcopy(learner.state())
    for _ in range(3):
        learner.take_step(sampler.draw(8), updates)
    torch.manual_seed(99)
    other = Learner(recipe, shapes_of(data), CPU)
    other.load(state, stages)
    again = other.enter(last, stages[last])
    for _ in range(3):
        other.take_step(sampler.draw(8), again)
    one, two = learner.state(), other.state()
    assert one.facts == two.facts
    assert one.tensors.keys() == two.tensors.keys()
    assert {
        key for key in one.tensors if not torch.equal(one.tensors[key], two.tensors[key])
    } == set()


@pytest.mark.parametrize(
    "backbone", ["consistency", "trajectory", "shortcut", "mean-flow", "bidirectional"]
)
def test_a_model_with_a_teacher_or_a_schedule_resumes_exactly(
    backbone: str, small_recipe: Maker, make_dataset: DataMaker
) -> None:
    settings = ("objective.steps=8", "objective.batch_size=8", "train.ema=0.9", "solver=jump")
    recipe = small_recipe("bc", f"backbone={backbone}", *settings)
    data = make_dataset()
    (stage,) = recipe.objective.stages()

    def train(learner: Learner, steps: int) -> Learner:
        sampler, updates = Sampler(data, CPU), learner.enter(0, stage)
        for _ in range(steps):
            learner.take_step(sampler.draw(8), updates)
        return learner

    unbroken = train(_learner(recipe, data), 8).state().tensors
    half = train(_learner(recipe, data), 3).state()
    resumed = _learner(recipe, data)
    resumed.load(half, [stage])
    continued = train(resumed, 5).state().tensors
    weights = {key for key in unbroken if key.startswith("model/")}
    assert weights
    assert _same({key: continued[key] for key in weights}, unbroken)
