"""What every critic must do, and what its abilities promise on top."""

from collections.abc import Callable, Sequence
from typing import ClassVar

import attrs
import numpy as np
import torch
from torch import Tensor

from genpolicy.composition.contract import LOSS, provided_class
from genpolicy.critic import Critic, CriticRecipe, CriticSpec, ExpectileCritic, ValueCritic
from genpolicy.dataset import Batch, Floats
from genpolicy.objective import Loss
from genpolicy.recipe import options_of
from genpolicy.testing.answers import OBSERVATION, Answered, answered
from genpolicy.testing.batches import GROUP, KINDS, known_batch, on_device, random_batch
from genpolicy.testing.rows import SHAPES, check_rows
from genpolicy.testing.suite import Program, Suite, needs

_BOX = (-np.ones(2, np.float32), np.ones(2, np.float32))
_OFTEN = 10


class CriticSuite(Suite):
    """The checks of a critic.

    Whatever its loss asks for is small and installed: backbones, solvers. ``distance`` is how near
    its values must come to those that are known, on average, in ``steps`` steps of 72
    transitions; options ``tau`` and ``discount`` are 0.05 and 0.5 there.
    """

    kind: ClassVar[str] = "critic"
    distance: ClassVar[float] = 0.1
    steps: ClassVar[int] = 300

    def program(self, part: CriticRecipe) -> Program:
        """Return the loss of a few rows."""
        critic, loss, batch = *_bound(part), random_batch()
        return Program({"critic": critic, **loss.models}, lambda: loss.call(batch=batch).value)

    def test_it_is_what_build_promises(self, part: CriticRecipe) -> None:
        """Which objectives go with it is read from the annotation of `build`."""
        promised, critic = provided_class(type(part)), _build(part)
        assert isinstance(critic, promised), f"{type(critic).__name__} is no {promised.__name__}"

    def test_the_loss_is_a_finite_number_with_metrics_of_stable_names(
        self, part: CriticRecipe
    ) -> None:
        """Metrics are averaged over steps by name, and nothing in a step waits for them."""
        names = []
        for shape in SHAPES:
            _, loss = _bound(part, shape)
            for terminal in (0.0, 1.0):
                found = loss.call(batch=random_batch(shape, terminal))
                assert isinstance(found, Loss), f"the loss is a {type(found).__name__}, no Loss"
                for name, value in {"loss": found.value, **found.metrics}.items():
                    assert value.ndim == 0, (
                        f"{name} has shape {tuple(value.shape)}, and is no number"
                    )
                    assert torch.isfinite(value), f"{name} is not finite"
                    attached = name != "loss" and value.requires_grad
                    assert not attached, f"metric {name} carries a graph; detach it"
                names.append(sorted(found.metrics))
        assert all(each == names[0] for each in names), f"its metrics change: {names}"

    def test_a_terminal_stops_the_bootstrap(self, part: CriticRecipe) -> None:
        """Nothing follows an end; values that go on there grow without bound."""
        before, after = _losses_of_other_ends(part, terminal=1.0)
        apart = float((after - before).detach().abs())
        assert apart < 1e-9, (
            f"what was seen and done after a terminal moves the loss by {apart:.2g}"
        )

    def test_a_time_out_does_not_stop_the_bootstrap(self, part: CriticRecipe) -> None:
        """An episode that was cut is worth what would have come; it has not ended."""
        before, after = _losses_of_other_ends(part, terminal=0.0)
        apart = float((after - before).detach().abs())
        assert apart > 1e-9, "what it saw after a step that is no terminal does not matter"

    def test_its_gradient_reaches_every_weight_that_trains_and_no_other(
        self, part: CriticRecipe
    ) -> None:
        """A weight without a gradient never learns; a policy must not learn to please a loss."""
        for shape in SHAPES:
            critic, loss = _bound(part, shape)
            loss.call(batch=random_batch(shape)).value.backward()
            for key, weight in critic.named_parameters():
                if weight.requires_grad:
                    assert weight.grad is not None, f"{key} gets no gradient"
                    assert torch.isfinite(weight.grad).all(), f"{key}'s gradient is not finite"
                    assert weight.grad.any(), f"{key}'s gradient is 0"
            for name, model in loss.models.items():
                reached = [
                    key for key, weight in model.named_parameters() if weight.grad is not None
                ]
                assert not reached, f"its gradient reaches {reached[0]} of {name}; detach it"

    def test_a_value_is_its_own_rows(self, part: CriticRecipe) -> None:
        """Candidates of many observations are valued in one batch."""
        for shape in SHAPES:
            critic, batch = _build(part, shape).eval(), random_batch(shape)
            _check_valued(critic.q, batch)
            changed = {
                "observation": critic.q(batch.observation + 0.5, batch.action),
                "action": critic.q(batch.observation, 0.5 * batch.action),
            }
            for what, value in changed.items():
                moved = (value - critic.q(batch.observation, batch.action)).any()
                assert moved, f"q does not depend on the {what}"

    def test_an_action_outside_the_box_is_worth_what_the_nearest_inside_is(
        self, part: CriticRecipe
    ) -> None:
        """It is the one that is taken in its stead; outside, nobody has ever seen a reward."""
        low, high = np.array([-1.0, 0.0], np.float32), np.array([2.0, 0.5], np.float32)
        ends = [torch.as_tensor(end).double() for end in (low, high)]
        for shape in SHAPES:
            critic, batch = _build(part, shape, (low, high)).eval(), random_batch(shape)
            for action in (9.0 * batch.action, -9.0 * batch.action):
                pair = [critic.q(batch.observation, each) for each in (action, action.clamp(*ends))]
                apart = float((pair[0] - pair[1]).detach().abs().max())
                assert apart < 1e-9, f"the value of an action outside differs by {apart:.2g}"

    @needs(ValueCritic)
    def test_the_value_of_an_observation_is_its_own_rows(self, part: CriticRecipe) -> None:
        """Advantages are taken row by row."""
        critic, batch = _build(part).eval(), random_batch()
        assert isinstance(critic, ValueCritic)
        value = critic.value
        _check_valued(lambda observation, _: value(observation), batch)
        moved = (value(batch.observation + 0.5) - value(batch.observation)).any()
        assert moved, "the value does not depend on the observation"

    @needs(ExpectileCritic)
    def test_its_expectile_lies_between_0_and_1(self, part: CriticRecipe) -> None:
        """Who acts by the weights of an expectile reads it."""
        critic = _build(part)
        assert isinstance(critic, ExpectileCritic)
        assert 0.0 < critic.expectile < 1.0, f"its expectile is {critic.expectile}"

    def test_targets_move_by_tau(self, part: CriticRecipe) -> None:
        """A copy that follows too fast chases itself, and one that stands still learns nothing."""
        critic = _build(part)
        trains = {key for key, weight in critic.named_parameters() if weight.requires_grad}
        moved = _first_moves(critic)
        lost = sorted(trains & moved.keys())
        assert not lost, f"after_step moves {lost[0]}, which the optimiser trains"
        if "tau" not in options_of(type(part)):
            self.skip("it has no option `tau`")
        tau = torch.tensor(part.tau).double()  # type: ignore[attr-defined]
        assert moved, f"nothing moves in {_OFTEN} steps, though tau is {tau:g}"
        for key, by in moved.items():
            close = torch.allclose(by, tau.expand_as(by), atol=1e-9)
            assert close, f"{key} moves by {float(by.mean()):.4g} of the way, not by tau, {tau:g}"

    def test_what_does_not_train_follows(self, part: CriticRecipe) -> None:
        """One of two slow copies that is forgotten keeps half of the backup at what it was."""
        if "tau" not in options_of(type(part)):
            self.skip("it has no option `tau`")
        critic = _build(part)
        still = {key for key, weight in critic.named_parameters() if not weight.requires_grad}
        still -= _first_moves(critic).keys()
        assert not still, f"{min(still)} neither trains nor moves in {_OFTEN} steps"

    def test_its_state_dict_is_all_of_it(self, part: CriticRecipe) -> None:
        """Checkpoints and saved agents hold the state dict and nothing else."""
        critic, other = _build(part), _build(part)
        for weight in critic.parameters():
            weight.data.add_(0.1)
        critic.after_step(0.6)
        other.load_state_dict(critic.state_dict())
        losses = [
            _seeded(answered(c.loss, "the critic", LOSS, (2,)), random_batch())
            for c in (critic, other)
        ]
        assert torch.equal(*losses), "a critic that takes over the state has another loss"

    def test_it_reads_no_value_on_the_host(self, part: CriticRecipe) -> None:
        """On a GPU, `.item()`, a branch on a tensor or a copy makes every step wait."""
        critic, loss = _bound(part)
        for model in (critic, *loss.models.values()):
            model.to("meta")
        batch = on_device(random_batch(), "meta")
        value = loss.call(batch=batch).value
        critic.after_step(0.5)
        assert value.device.type == "meta", f"the loss lies on {value.device}"
        q = critic.q(batch.observation, batch.action)
        assert q.device.type == "meta", f"q lies on {q.device}"

    def test_it_is_the_same_on_cuda(self, part: CriticRecipe) -> None:
        """A tensor made on the CPU inside a loss fails there, or slows every step."""
        if not torch.cuda.is_available():
            self.skip("there is no GPU here")
        (critic, loss), batch = _bound(part), random_batch()
        expected = critic.eval().q(batch.observation, batch.action)
        for model in (critic, *loss.models.values()):
            model.to("cuda")
        there = on_device(batch, "cuda")
        assert torch.isfinite(loss.call(batch=there).value), "the loss is not finite"
        found = critic.q(there.observation, there.action).cpu()
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)

    def test_it_learns_values_that_are_known(self, part: CriticRecipe) -> None:
        """A critic may satisfy every other check and still learn nothing."""
        part = _with_known(part, tau=0.05, discount=0.5)  # at 0.99, to forget it is 0.01 off
        critic, batch = _trained(part, self.steps), known_batch()
        known = [torch.tensor(1.0), getattr(part, "discount", None), batch.action[-GROUP:, 0]]
        with torch.no_grad():
            self._check_values(critic.q(batch.observation, batch.action), known)
            if isinstance(critic, ValueCritic):  # whose value where actions differ is its own
                self._check_values(critic.value(batch.observation), [*known[:2], None])

    def _check_values(self, found: Tensor, known: Sequence[Tensor | float | None]) -> None:
        for kind, values, value in zip(KINDS, found.reshape(-1, GROUP), known, strict=True):
            if value is not None:
                off = float((values - value).abs().mean())
                assert off < self.distance, f"its values of {kind} are {off:.3g} off on average"


def _build(
    part: CriticRecipe, shape: tuple[int, ...] = (2,), box: tuple[Floats, Floats] | None = None
) -> Critic:
    torch.manual_seed(0)
    low, high = box or (None, None)
    spec = CriticSpec(
        observation_dim=OBSERVATION, action_shape=shape, action_low=low, action_high=high
    )
    return part.build(spec).double()


def _bound(part: CriticRecipe, shape: tuple[int, ...] = (2,)) -> tuple[Critic, Answered]:
    """Return a critic and its loss of a batch alone."""
    critic = _build(part, shape, _BOX)
    return critic, answered(critic.loss, "the critic", LOSS, shape)


def _seeded(loss: Answered, batch: Batch) -> Tensor:
    torch.manual_seed(3)
    value: Tensor = loss.call(batch=batch).value
    return value


def _losses_of_other_ends(part: CriticRecipe, terminal: float) -> tuple[Tensor, Tensor]:
    """Return the loss of transitions, and of the same that lead elsewhere."""
    (_, loss), batch = _bound(part), random_batch(terminal=terminal)
    elsewhere = attrs.evolve(
        batch,
        next_observation=batch.next_observation + 1.0,
        next_action=-batch.next_action,
    )
    return _seeded(loss, batch), _seeded(loss, elsewhere)


def _check_valued(values: Callable[[Tensor, Tensor], Tensor], batch: Batch) -> None:
    whole = check_rows(values, batch.observation, batch.action, what="value")
    assert whole.shape == (len(batch),), f"{len(batch)} rows have values {tuple(whole.shape)}"


def _first_moves(critic: Critic) -> dict[str, Tensor]:
    """Return by how much the first step that moves a float of the state dict moves it.

    What trains is 1 away from where it was when the critic was built.
    """
    for weight in critic.parameters():
        weight.data.add_(float(weight.requires_grad))
    state = critic.state_dict().items()
    before = {key: value.clone() for key, value in state if value.is_floating_point()}
    found: dict[str, Tensor] = {}
    for _ in range(_OFTEN):
        critic.after_step(0.5)
        after = critic.state_dict()
        moves = {key: after[key] - value for key, value in before.items()}
        found = {key: move for key, move in moves.items() if move.any()} | found
    return found


def _with_known(part: CriticRecipe, **options: float) -> CriticRecipe:
    """Return a critic with those of these options that it has."""
    known = options_of(type(part))
    return attrs.evolve(part, **{key: options[key] for key in options if key in known})


def _trained(part: CriticRecipe, steps: int) -> Critic:
    critic = _build(part, box=_BOX)
    loss = answered(critic.loss, "the critic", LOSS, (2,))
    for model in (critic, *loss.models.values()):
        model.float()
    weights = [weight for weight in critic.parameters() if weight.requires_grad]
    optimiser = torch.optim.Adam(weights, lr=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for step in range(steps):
        optimiser.zero_grad()
        loss.call(batch=known_batch()).value.backward()
        optimiser.step()
        schedule.step()
        critic.after_step((step + 1) / steps)
    return critic.eval()
