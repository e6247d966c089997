from collections.abc import Callable, Iterator, Mapping

import attrs
import pytest
import torch
from torch import Tensor

from genpolicy.agent import shapes_of
from genpolicy.backbone import Model
from genpolicy.composition.agent_recipe import AgentRecipe
from genpolicy.dataset import Batch, Dataset
from genpolicy.errors import RunError
from genpolicy.objective import Loss
from genpolicy.scaffold.templates.objective import Example
from genpolicy.testing.agents import small_agent
from genpolicy.training import compiling as compiling_module
from genpolicy.training.compiling import COMPILED, EAGER, Compiling
from genpolicy.training.learner import Learner, stages_of
from genpolicy.training.options import TrainOptions
from genpolicy.training.sampler import Sampler
from genpolicy.training.update import Update
from objectives import options

Maker = Callable[..., AgentRecipe]
DataMaker = Callable[..., Dataset]
CPU = torch.device("cpu")
BC = ("objective.steps=100", "objective.batch_size=4")


@pytest.fixture(autouse=True)
def traced_alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Trace losses and their gradients, and generate no code, which takes long."""
    monkeypatch.setattr(compiling_module, "_BACKEND", "aot_eager")
    yield
    torch._dynamo.reset()


@pytest.fixture
def learner(small_recipe: Maker, make_dataset: DataMaker) -> Callable[..., Learner]:
    def make(*settings: str, objective: str = "bc") -> Learner:
        torch.manual_seed(0)
        settings = settings or BC
        return Learner(small_recipe(objective, *settings), shapes_of(make_dataset()), CPU)

    return make


@pytest.fixture
def sampler(make_dataset: DataMaker) -> Sampler:
    return Sampler(make_dataset(), CPU)


def _train(learner: Learner, sampler: Sampler, steps: int | None = None) -> None:
    """Take the steps of every stage, or some of the first."""
    for number, stage in enumerate(stages_of(learner.recipe.objective)[: None if not steps else 1]):
        learner.means.clear()
        updates = learner.enter(number, stage)
        for _ in range(steps or stage.steps):
            learner.take_step(sampler.draw(stage.batch_size), updates)


def _tensors(learner: Learner) -> Mapping[str, Tensor]:
    return {name: tensor.clone() for name, tensor in learner.state().tensors.items()}


@pytest.mark.slow
@pytest.mark.parametrize("objective", ["fql", "a newcomer's"])
def test_compiled_stages_train_as_others_do(
    objective: str, small_recipe: Maker, make_dataset: DataMaker, sampler: Sampler
) -> None:
    """Three roles at once, of which each other's weights are constants to the compiler."""
    if objective == "fql":
        settings = ("solver=midpoint:2", "train.clip_norm=1", *options("fql", 2))
        recipe = small_recipe("fql", *settings)
    else:
        recipe = small_agent(Example(steps=2, batch_size=4), {})
    found = []
    for mode in ("on", "off"):
        torch.manual_seed(0)
        train = attrs.evolve(recipe.train, compile=mode)
        one = Learner(attrs.evolve(recipe, train=train), shapes_of(make_dataset()), CPU)
        torch.manual_seed(1)
        _train(one, sampler)
        found.append(_tensors(one))
    compiled, eager = found
    assert compiled.keys() == eager.keys()
    for name, tensor in compiled.items():
        torch.testing.assert_close(tensor, eager[name], rtol=1e-4, atol=1e-5, msg=name)


def test_auto_compiles_where_that_pays_and_says_by_what_numbers(
    learner: Callable[..., Learner], sampler: Sampler, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = learner()
    _train(one, sampler, 61)
    (event,) = one.compiling.news()
    assert (event.kind, event.step) == (EAGER, 61)
    assert event.message.startswith("stage 'policy' is not compiled: of 40 steps at ")
    assert event.message.endswith(f" s and takes about {0.04 * one.compiling.operations:.0f} s")
    assert 50 < one.compiling.operations < 500
    monkeypatch.setattr(compiling_module, "WARMUP", 0.0)
    other = learner()
    _train(other, sampler, 60)
    assert other.compiling.news() == []
    _train(other, sampler, 2)
    (event,) = other.compiling.news()
    assert (event.kind, event.step) == (COMPILED, 61)
    assert event.message.startswith("stage 'policy' is compiled: of 40 steps at ")


def test_what_is_weighed_is_the_time_that_is_left(sampler: Sampler) -> None:
    for left, expected in ((31_000, COMPILED), (29_000, EAGER)):  # 0.1 x left x 0.1 s over 300 s
        one = Compiling("auto", CPU)
        one._seconds = [9.0] * 10 + [0.1] * 50
        one.operations = 1500
        one.prepare([_update(_parabola)], sampler.draw(2), 61, left, "policy")
        assert [event.kind for event in one.news()] == [expected]


def test_a_checkpoint_goes_on_compiled_and_one_without_is_left_so(
    learner: Callable[..., Learner], sampler: Sampler, monkeypatch: pytest.MonkeyPatch
) -> None:
    for warmup, expected in ((0.0, True), (1.0, False)):
        with monkeypatch.context() as patch:
            patch.setattr(compiling_module, "WARMUP", warmup)
            one = learner()
            _train(one, sampler, 61)
        again = learner()
        again.load(one.state(), stages_of(again.recipe.objective))
        seen = _calls(again, monkeypatch)
        _train(again, sampler, 1)
        assert again.compiling.state()["compiled"] is expected
        assert again.compiling.news() == []
        assert seen == (["policy"] if expected else [])


def _calls(learner: Learner, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list of roles that grows as their losses are compiled."""
    made, seen = compiling_module._compiled, list[str]()

    def noted(update: Update, *others: object) -> Callable[..., Loss]:
        seen.append(update.role)
        return made(update, *others)  # type: ignore[arg-type]

    monkeypatch.setattr(compiling_module, "_compiled", noted)
    return seen


def test_what_is_followed_is_compiled_at_the_same_step_however_fast_it_is(
    learner: Callable[..., Learner], sampler: Sampler
) -> None:
    one = learner()
    one.compiling.follow({3: True})
    _train(one, sampler, 2)
    assert one.compiling.news() == []
    resumed = learner()
    resumed.load(one.state(), stages_of(resumed.recipe.objective))
    _train(resumed, sampler, 1)
    (event,) = resumed.compiling.news()
    assert (event.kind, event.step) == (COMPILED, 3)
    assert event.message == "stage 'policy' is compiled, as the run was"
    eager = learner()
    eager.compiling.follow({})
    _train(eager, sampler, 70)
    assert eager.compiling.news() == []


class Weights(Model):
    seen: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.w = torch.nn.Parameter(torch.ones(()))
        self.register_buffer("seen", torch.zeros(()))


WEIGHTS = Weights()


def _parabola(batch: Batch) -> Loss:
    WEIGHTS.seen += 1.0
    return Loss((WEIGHTS.w**2 * torch.rand(())).mean())


def _branching(batch: Batch) -> Loss:
    return Loss(WEIGHTS.w**2 if WEIGHTS.w.detach().item() > 0 else -WEIGHTS.w)


def _failing(batch: Batch) -> Loss:
    raise ValueError("of its own")


def _update(loss: Callable[..., Loss], model: Weights = WEIGHTS) -> Update:
    return Update("policy", [model.w], model, loss, 0.1, 9, TrainOptions(), [])


def test_trying_out_changes_neither_weights_nor_buffers_nor_random_numbers(
    sampler: Sampler,
) -> None:
    batch, one = sampler.draw(2), Compiling("on", CPU)
    before = torch.get_rng_state(), WEIGHTS.w.clone(), WEIGHTS.seen.clone()
    one.prepare([_update(_parabola)], batch, 1, 9, "policy")
    for now, then in zip((torch.get_rng_state(), WEIGHTS.w, WEIGHTS.seen), before, strict=True):
        assert torch.equal(now, then)
    assert WEIGHTS.w.grad is None


def test_a_loss_that_does_not_compile_is_named_and_auto_goes_on_without(sampler: Sampler) -> None:
    batch, why = sampler.draw(2), "the loss that trains 'policy' cannot be compiled: "
    with pytest.raises(RunError, match=f"{why}.*; --compile off trains without"):
        Compiling("on", CPU).prepare([_update(_branching)], batch, 1, 9, "policy")
    one, update = Compiling("auto", CPU), _update(_branching)
    one.follow({1: True})
    one.prepare([update], batch, 1, 9, "policy")
    (event,) = one.news()
    assert event.kind == "warning"
    assert event.message.startswith(why)
    assert event.message.endswith("; training goes on without")
    assert update.step(batch, 0).value == 1.0
    assert one.state()["compiled"] is False


def test_a_loss_that_fails_of_itself_says_so(sampler: Sampler) -> None:
    with pytest.raises(ValueError, match="of its own"):
        Compiling("on", CPU).prepare([_update(_failing)], sampler.draw(2), 1, 9, "policy")


class Annealed(Weights):
    """Follows progress in a plain number."""

    weight = 0.0

    def loss(self, batch: Batch) -> Loss:
        return Loss(self.w * self.weight)

    def after_step(self, progress: float) -> None:
        self.weight = min(1.0, 3.0 * progress)


class Counting(Weights):
    """Counts its losses, whereby every step is compiled anew."""

    losses = 0

    def loss(self, batch: Batch) -> Loss:
        self.losses += 1
        return Loss(self.w * self.losses)


def test_models_that_change_plain_values_are_not_compiled(sampler: Sampler) -> None:
    batch, model = sampler.draw(2), Annealed()
    update = _update(model.loss, model)
    why = "Annealed, the model of role 'policy', changes plain Python values as it trains, so that "
    with pytest.raises(RunError, match=f"^{why}no compiled loss lasts; --compile off trains with"):
        Compiling("on", CPU).prepare([update], batch, 1, 9, "policy")
    one = Compiling("auto", CPU)
    one.follow({1: True})
    one.prepare([update], batch, 1, 9, "policy")
    (event,) = one.news()
    assert (event.kind, event.message.startswith(why)) == ("warning", True)
    assert one.state()["compiled"] is False
    assert model.weight == 0.0


def _take_steps(one: Compiling, update: Update, batch: Batch, steps: int) -> None:
    for step in range(1, steps + 1):
        one.prepare([update], batch, step, steps, "policy")
        update.step(batch, step)


def test_a_compiled_loss_that_fails_on_the_way_is_left_under_auto(sampler: Sampler) -> None:
    batch, model = sampler.draw(2), Counting()
    one, update = Compiling("auto", CPU), _update(model.loss, model)
    one.follow({1: True})
    _take_steps(one, update, batch, 14)
    compiled, warning, eager = one.news()
    assert (compiled.kind, warning.kind, eager.kind) == (COMPILED, "warning", EAGER)
    assert warning.message.startswith("the compiled loss that trains 'policy' failed: ")
    assert warning.message.endswith("; training goes on without")
    assert 1 < warning.step == eager.step < 14
    assert one.state()["compiled"] is False
    again = Compiling("auto", CPU)
    again.follow({1: True, 3: False})
    _take_steps(again, _update(model.loss, model), batch, 14)
    assert [(event.kind, event.step) for event in again.news()] == [(COMPILED, 1), (EAGER, 3)]


def test_a_compiled_loss_that_fails_on_the_way_ends_what_must_be_compiled(sampler: Sampler) -> None:
    model = Counting()
    why = "the compiled loss that trains 'policy' failed: .*; --compile off trains without"
    with pytest.raises(RunError, match=why):
        _take_steps(Compiling("on", CPU), _update(model.loss, model), sampler.draw(2), 14)


def test_after_what_was_decided_before_the_time_decides(sampler: Sampler) -> None:
    one = Compiling("auto", CPU)
    one.follow({3: False}, until=3)
    for step, expected in ((2, []), (3, [EAGER])):
        one._seconds = [0.1] * 60
        one.prepare([_update(_parabola)], sampler.draw(2), step, 10**9, "policy")
        assert [event.kind for event in one.news()] == expected
    one.enter()
    one._seconds = [0.1] * 60
    one.prepare([_update(_parabola)], sampler.draw(2), 4, 10**9, "policy")
    assert [event.kind for event in one.news()] == [COMPILED]
