import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from genpolicy.backbone import Model
from genpolicy.dataset import Batch
from genpolicy.discovery import PartEntry, PartSpec
from genpolicy.errors import BrokenPartError
from genpolicy.objective import Loss
from genpolicy.training.options import TrainOptions
from genpolicy.training.update import Average, Update


class Weights(Model):
    """Two weights and a count of the steps they took."""

    def __init__(self, start: float = 1.0) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.tensor([start, -start]))
        self.steps = 0
        self.told: list[float] = []

    def after_step(self, progress: float) -> None:
        self.steps += 1
        self.told.append(progress)


def _batch() -> Batch:
    one = torch.ones(1)
    return Batch(
        observation=one,
        action=one,
        reward=one,
        next_observation=one,
        terminal=torch.zeros(1),
        next_action=one,
    )


def _update(
    model: Weights,
    options: TrainOptions | None = None,
    loss: Callable[[Tensor], Tensor] = lambda w: (w**2).sum(),
    averages: tuple[Average, ...] = (),
    steps: int = 10,
    settled: bool = False,
) -> Update:
    def of_batch(batch: Batch) -> Loss:
        return Loss(loss(model.w))

    return Update(
        "policy",
        list(model.parameters()),
        model,
        of_batch,
        0.1,
        steps,
        options or TrainOptions(),
        list(averages),
        settled=settled,
    )


def test_a_step_is_one_of_adam_on_the_loss_it_started_from() -> None:
    model, plain = Weights(), Weights()
    update, adam = _update(model), torch.optim.Adam(plain.parameters(), lr=0.1)
    for index in range(5):
        loss = update.step(_batch(), index)
        adam.zero_grad()
        expected = (plain.w**2).sum()
        expected.backward()  # type: ignore[no-untyped-call]
        adam.step()
        torch.testing.assert_close(loss.value.detach(), expected.detach())
    torch.testing.assert_close(model.w, plain.w)
    assert model.steps == 5


def _rates(options: TrainOptions, steps: int = 10) -> list[float]:
    update, rates = _update(Weights(), options, steps=steps), []
    for index in range(steps):
        update.step(_batch(), index)
        rates.append(update.optimiser.param_groups[0]["lr"])
    return rates


def test_a_constant_rate_stays() -> None:
    assert _rates(TrainOptions()) == [0.1] * 10


def test_a_cosine_falls_from_the_rate_towards_zero() -> None:
    rates = _rates(TrainOptions(schedule="cosine"))
    assert rates == pytest.approx([0.05 * (1 + math.cos(math.pi * k / 10)) for k in range(10)])
    assert rates[0] == 0.1


def test_a_warm_up_rises_to_the_rate() -> None:
    rates = _rates(TrainOptions(warmup_steps=3))
    assert rates == pytest.approx([0.025, 0.05, 0.075, *[0.1] * 7])


def test_gradients_are_clipped_to_the_norm_and_no_further() -> None:
    for scale, norm in ((100.0, 1.0), (0.1, 0.2)):
        model = Weights()
        _update(
            model, TrainOptions(clip_norm=1.0), lambda w, s=scale: s * (w[0] + w[1]) * 2**0.5
        ).step(_batch(), 0)
        assert model.w.grad is not None
        assert float(model.w.grad.norm()) == pytest.approx(norm, rel=1e-4)


def test_slow_copies_follow_by_their_rate() -> None:
    model = Weights()
    slow = Weights(5.0)
    update = _update(model, averages=(Average(model=slow, rate=0.1),))
    expected = slow.w.detach().clone()
    for index in range(3):
        update.step(_batch(), index)
        expected = 0.9 * expected + 0.1 * model.w.detach()
    torch.testing.assert_close(slow.w.detach(), expected)
    assert slow.w.grad is None


def test_gradients_that_other_roles_left_are_forgotten() -> None:
    model, same = Weights(), Weights()
    model.w.grad = torch.full((2,), 1e3)
    for each in (model, same):
        _update(each).step(_batch(), 0)
    assert torch.equal(model.w, same.w)


def test_optimisers_are_taken_up_again_bit_by_bit() -> None:
    model = Weights()
    update = _update(model)
    for index in range(3):
        update.step(_batch(), index)
    other = Weights()
    other.load_state_dict(model.state_dict())
    again = _update(other)
    again.load({name: value.clone() for name, value in update.state().items()})
    for index in range(3, 6):
        update.step(_batch(), index)
        again.step(_batch(), index)
    assert torch.equal(model.w, other.w)
    for name, value in update.state().items():
        assert torch.equal(value, again.state()[name])


def test_a_model_without_weights_cannot_train() -> None:
    with pytest.raises(BrokenPartError, match="the model of role 'policy' has no weights to train"):
        Update("policy", [], Weights(), lambda batch: None, 0.1, 1, TrainOptions(), [])


def test_a_loss_that_is_no_loss_is_refused() -> None:
    model = Weights()
    update = _update(model)
    update.loss = lambda batch: model.w.sum()  # type: ignore[assignment,return-value]
    with pytest.raises(BrokenPartError, match="trains 'policy' returned a Tensor"):
        update.step(_batch(), 0)


def test_who_owns_a_refused_loss_is_named_with_what_to_do() -> None:
    spec = PartSpec(name="drift", summary="s", target="stray.parts:Drift")
    update = _update(Weights(), loss=lambda w: w**2)
    update.owner = PartEntry(kind="objective", spec=spec, distribution="stray", version="1.0")
    with pytest.raises(BrokenPartError) as caught:
        update.step(_batch(), 0)
    assert str(caught.value) == (
        "objective 'drift' of stray 1.0: the loss that trains 'policy' has shape (2,); it is one "
        "number, such as the mean over the batch; upgrade it with `pip install -U stray` or remove "
        "it with `pip uninstall stray`"
    )


def test_a_loss_that_is_not_reduced_is_refused() -> None:
    with pytest.raises(
        BrokenPartError, match=r"trains 'policy' has shape \(2,\); it is one number"
    ):
        _update(Weights(), loss=lambda w: w**2).step(_batch(), 0)


@pytest.mark.parametrize(("settled", "told"), [(False, [0.25, 0.5, 0.75]), (True, [1.0] * 3)])
def test_a_model_is_told_how_far_training_is(settled: bool, told: list[float]) -> None:
    model = Weights()
    update = _update(model, steps=4, settled=settled)
    for index in range(3):
        update.step(_batch(), index)
    assert model.told == told
