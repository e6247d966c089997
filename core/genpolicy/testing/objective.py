"""What every objective must do: what its losses are, what they move, and that they improve."""

from collections.abc import Mapping
from typing import Any, ClassVar

import attrs
import numpy as np
import torch
from torch import nn

from genpolicy.agent import shapes_of
from genpolicy.backbone import Model
from genpolicy.composition.assemble import build_models
from genpolicy.composition.contract import loss_methods
from genpolicy.composition.losses import loss_needs
from genpolicy.critic import Critic
from genpolicy.dataset import Batch, Dataset
from genpolicy.errors import FitError
from genpolicy.guide import Guide
from genpolicy.objective import Loss, Objective
from genpolicy.solver import Solver
from genpolicy.testing.agents import agent_of, small_agent
from genpolicy.testing.data import random_transitions, slope
from genpolicy.testing.draws import rows_of_noise_in_order
from genpolicy.testing.suite import Program, Suite
from genpolicy.testing.updates import (
    followers,
    gradients,
    seeded_loss,
    sees_observations_alone,
    stages_entered,
    updates,
    weights,
)
from genpolicy.training.learner import Learner
from genpolicy.training.sampler import Sampler

_CPU = torch.device("cpu")
_ROWS = 8
_ORDER = (3, 1, 7, 0, 2, 6, 5, 4)
_BASES = {"critic": Critic, "solver": Solver, "backbone": Model}


class ObjectiveSuite(Suite):
    """The checks of an objective, in an agent of the parts that it is known with.

    That agent has tiny networks and solvers of few steps. ``settings`` says what else of it is not
    as the objective's own ``defaults`` say, by ``slot.option``, as a user types it. On a bandit,
    of which the observation says what is good, every stage takes ``steps`` steps; ``gain`` is by
    how many standard deviations of the reward its actions must then earn more than the data's.
    """

    kind: ClassVar[str] = "objective"
    settings: ClassVar[Mapping[str, Any]] = {}
    steps: ClassVar[int] = 100
    gain: ClassVar[float] = 0.25

    def program(self, part: Objective) -> Program | None:
        """Return the last of its own losses on a few rows; None if it trains the critic alone."""
        learner, batch = self._learner(part), _batch()
        losses = [update.loss for update in updates(learner) if update.role != "critic"]
        return Program(learner.models.all(), lambda: losses[-1](batch=batch).value)

    def test_its_stages_can_be_told_apart_and_run(self, part: Objective) -> None:
        """Logs, checkpoints and looks go by a stage's name."""
        stages = part.stages()
        names = [stage.name for stage in stages]
        assert len(set(names)) == len(names), f"two stages have one name: {', '.join(names)}"
        assert any(stage.steps for stage in stages), "no stage takes any steps"
        for stage in stages:
            assert stage.steps >= 0, f"stage {stage.name!r} takes {stage.steps} steps"
            assert stage.batch_size >= 1, f"{stage.name!r} has batches of {stage.batch_size}"
            assert stage.learning_rates, f"stage {stage.name!r} trains no role"
            for role, rate in stage.learning_rates.items():
                assert rate > 0, f"{role!r} has a learning rate of {rate} in {stage.name!r}"

    def test_what_it_trains_and_needs_can_be_read_from_its_signatures(
        self, part: Objective
    ) -> None:
        """Whether it goes with a backbone or a solver is known before any data is opened."""
        who = type(part).__name__
        trained = loss_methods(part, who).keys()
        copied = {copy for stage in part.stages() for copy in stage.copies}
        acts = part.acting_role
        assert acts in trained | copied, f"{acts!r} acts, and no stage trains or copies it"
        for need in loss_needs(part, who):
            base = _BASES[need.kind]
            for member in need.classes:
                fits = isinstance(member, type) and issubclass(member, base)
                assert fits, f"{need.argument!r} is annotated {member}, which is no {base.__name__}"

    def test_it_fits_the_parts_that_it_is_known_with(self, part: Objective) -> None:
        """`agent run --objective` alone must run."""
        agent_of(part, self.settings)

    def test_every_loss_is_one_finite_number(self, part: Objective) -> None:
        """A sample may be an action or a chunk of actions; an objective never knows."""
        for shape in ((2,), (4, 2)):
            learner = self._learner(part, random_transitions(shape))
            for update in updates(learner):
                loss = update.loss(batch=_batch(shape))
                what = f"the loss of {update.role!r}, for samples of {shape},"
                assert isinstance(loss, Loss), f"{what} is a {type(loss).__name__}, no Loss"
                assert loss.value.shape == (), f"{what} has shape {tuple(loss.value.shape)}"
                assert torch.isfinite(loss.value), f"{what} is {float(loss.value.detach())}"

    def test_metrics_are_detached_scalars_of_stable_names(self, part: Objective) -> None:
        """A metric with a graph keeps every step's memory; one that comes and goes has no mean."""
        for update in updates(self._learner(part)):
            first, second = (update.loss(batch=_batch(seed=seed)).metrics for seed in (1, 2))
            assert first.keys() == second.keys(), f"{update.role!r} names {[*first]}, {[*second]}"
            for name, value in first.items():
                assert value.shape == (), f"{name!r} has shape {tuple(value.shape)}"
                assert not value.requires_grad, f"{name!r} is not detached"

    def test_an_update_moves_its_role_and_the_copies_that_follow_it_alone(
        self, part: Objective
    ) -> None:
        """What else a loss moves, it moves in silence, and without an optimiser."""
        learner = self._learner(part)
        for update in updates(learner):
            before = weights(learner)
            update.step(_batch(), 0)
            moved = {
                key.split("/")[1]
                for key, value in weights(learner).items()
                if not torch.equal(value, before[key])
            }
            expected = {update.role, *followers(learner, update.role)}
            what = f"a step of {update.role!r}"
            assert expected <= moved, f"{what} leaves {_listed(expected - moved)} as it was"
            assert moved <= expected, f"{what} also moves {_listed(moved - expected)}"

    def test_gradients_reach_every_weight_that_trains_and_no_other(self, part: Objective) -> None:
        """A weight without a gradient never learns, and nobody notices."""
        learner = self._learner(part)
        for update in updates(learner):
            for model in learner.models.all().values():
                model.zero_grad(set_to_none=True)
            update.step(_batch(), 0)
            for name, model in learner.models.all().items():
                if name == update.role:
                    _check_gradients(name, model)
                else:
                    touched = [key for key, w in model.named_parameters() if w.grad is not None]
                    assert not touched, f"the loss of {update.role!r} leaves gradients in {name!r}"

    def test_a_role_learns_the_same_whether_others_are_frozen_or_not(self, part: Objective) -> None:
        """Only what trains is asked for gradients; a loss must not need those of the others."""
        learner, batch = self._learner(part), _batch()
        models = learner.models.all()
        for update in updates(learner):
            others = [
                w for name, m in models.items() if name != update.role for w in m.parameters()
            ]
            flags = [weight.requires_grad for weight in others]
            frozen, free = (gradients(update, batch, others, flag) for flag in (False, True))
            for weight, flag in zip(others, flags, strict=True):
                weight.requires_grad_(flag)
            torch.testing.assert_close(free, frozen)

    def test_rows_may_come_in_any_order(self, part: Objective) -> None:
        """A weight that meets another row's loss is the commonest mistake of all."""
        order = torch.tensor(_ORDER)
        batch = _batch()
        mixed = batch.map(lambda values: values[order])
        for update in updates(self._learner(part, settings=self._row_by_row(part))):
            expected = seeded_loss(update, batch)
            with rows_of_noise_in_order(order):
                found = seeded_loss(update, mixed)
            same = torch.isclose(found, expected, rtol=2e-5, atol=2e-5)
            assert same, f"the loss of {update.role!r} is {expected:.6g}, reordered {found:.6g}"

    def test_rows_must_not_be_mispaired(self, part: Objective) -> None:
        """A loss that is the same for other observations learns nothing of them."""
        batch = _batch()
        mispaired = attrs.evolve(batch, observation=batch.observation[list(_ORDER)])
        for update in updates(self._learner(part, settings=self._row_by_row(part))):
            expected, found = seeded_loss(update, batch), seeded_loss(update, mispaired)
            same = torch.isclose(found, expected, rtol=2e-5, atol=2e-5)
            blind = same and not sees_observations_alone(update, batch)
            assert not blind, f"{update.role!r} has the same loss with others' observations"

    def test_losses_read_no_value_on_the_host(self, part: Objective) -> None:
        """On a GPU, `.item()`, a branch on a tensor or a copy makes every step wait."""
        meta = torch.device("meta")  # whose tensors have no values to read
        recipe = small_agent(part, self.settings)
        models = build_models(recipe, shapes_of(random_transitions()), meta)
        batch = random_transitions(rows=_ROWS).to_batch(meta)
        for role in {role for stage in part.stages() for role in stage.learning_rates}:
            loss = models.loss_of(role)(batch=batch)
            assert loss.value.device.type == "meta", f"{role!r} has a loss on {loss.value.device}"

    def test_losses_stay_on_the_gpu(self, part: Objective) -> None:
        """A tensor made on the CPU inside a loss fails there, or slows every step."""
        if not torch.cuda.is_available():
            self.skip("there is no GPU here")
        place = torch.device("cuda")
        recipe, data = small_agent(part, self.settings), random_transitions(rows=_ROWS)
        learner = Learner(recipe, shapes_of(data), place)
        for update in updates(learner):
            loss = update.step(data.to_batch(place), 0)
            assert loss.value.device.type == "cuda", f"{update.role!r}'s is on {loss.value.device}"
            assert torch.isfinite(loss.value), f"{update.role!r} has a loss that is not finite"

    def test_it_learns_which_actions_are_good(self, part: Objective) -> None:
        """One may pass all else and imitate, get a sign wrong, or look at the next observation."""
        found = self._taken(part)
        what = (
            f"its actions earn {found:.2f} standard deviations of the reward more than the data's"
        )
        assert found > self.gain, f"{what}, not by more than {self.gain}"

    def _taken(self, part: Objective) -> float:
        """Train on the slope; return by how much its actions earn more than the data's."""
        data = slope()
        recipe = small_agent(
            part, self.settings, steps=self.steps, rows=32, rate=3e-3, hidden=(32, 32), solving=5
        )
        learner, sampler = Learner(recipe, shapes_of(data), _CPU), Sampler(data, _CPU)
        for stage, roles in stages_entered(learner):
            for _ in range(stage.steps):
                learner.take_step(sampler.draw(stage.batch_size), roles)
        agent = learner.agent(part.acting_role, data, "")
        for model in agent.models.all().values():
            model.eval()
        side = np.repeat(np.array([[1.0], [-1.0]], np.float32), 1000, axis=0)
        action = agent.act(side, torch.Generator().manual_seed(0))
        earned = 5.0 * float((side * action[:, :1]).mean())
        return (earned - float(data.reward.mean())) / float(data.reward.std())

    def _learner(
        self,
        part: Objective,
        data: Dataset | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> Learner:
        recipe = small_agent(part, {"train.ema": 0.9, **(settings or self.settings)})
        torch.manual_seed(0)
        return Learner(recipe, shapes_of(data or random_transitions()), _CPU)

    def _row_by_row(self, part: Objective) -> Mapping[str, Any]:
        """Return settings without backbones in which a row's place in the batch counts."""
        check = "rows_may_come_in_any_order"
        chosen = agent_of(part, self.settings).chosen
        fixed = [slot for slot in chosen if check in chosen[slot].recipe.expected_failures()]
        settings = {**self.settings, **dict.fromkeys(fixed, "flow")}
        try:
            agent_of(part, settings)
        except FitError as error:
            self.skip(f"a row's place counts in its {', '.join(fixed)}, and {error}")
        return settings


def _batch(shape: tuple[int, ...] = (2,), seed: int = 1) -> Batch:
    """Return a few transitions, some of which end."""
    sampler = Sampler(random_transitions(shape), _CPU)
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        return sampler.draw(_ROWS)


def _check_gradients(role: str, model: nn.Module) -> None:
    for key, weight in model.named_parameters():
        if weight.requires_grad:
            assert weight.grad is not None, f"{key} of {role!r} gets no gradient"
            assert torch.isfinite(weight.grad).all(), (
                f"{key} of {role!r} has one that is not finite"
            )
            constant = isinstance(model, Guide) and weight.shape == (
                1,
            )  # of which energies are free
            assert constant or weight.grad.any(), f"the gradient of {key} of {role!r} is 0"


def _listed(names: set[str]) -> str:
    return ", ".join(repr(name) for name in sorted(names))
