"""What every inference must do, whatever policy, solver and critic it is given."""

from typing import Any, ClassVar

import torch
from torch import Tensor

from genpolicy.backbone import VelocityBackbone
from genpolicy.candidates import draw_candidates, value_candidates
from genpolicy.composition.contract import ACT
from genpolicy.critic import Critic
from genpolicy.inference import Inference
from genpolicy.testing.answers import OBSERVATION, Answered, answered
from genpolicy.testing.companions import companion
from genpolicy.testing.draws import rows_of_noise_in_order
from genpolicy.testing.rows import ORDER, SHAPES
from genpolicy.testing.suite import Program, Suite

_MARGIN = 0.3  # standard deviations; the mean of 200 plain samples is off by 0.07


class InferenceSuite(Suite):
    """The checks of an inference.

    Whatever it asks for is small and installed: a backbone with fresh weights, a solver of two
    steps, a critic.
    """

    kind: ClassVar[str] = "inference"

    def program(self, part: Inference) -> Program:
        """Return actions for a few observations."""
        acting, condition = _bound(part), _conditions()
        return Program(acting.models, lambda: _acted(acting, condition))

    def test_an_action_is_finite_and_of_the_samples_shape(self, part: Inference) -> None:
        """An environment takes whole actions, and a chunk of them where the policy makes chunks."""
        for shape in SHAPES:
            acting = _bound(part, shape)
            for rows in (5, 1):
                action = _acted(acting, _conditions(rows), seed=1)
                wanted = (rows, *shape)
                assert action.shape == wanted, f"it acts {tuple(action.shape)}, not {wanted}"
                assert torch.isfinite(action).all(), f"with {rows} observations it is not finite"

    def test_its_precision_is_that_of_the_policy(self, part: Inference) -> None:
        """An agent acts in 32 bits and a test in 64."""
        acting = _bound(part)
        action = _acted(acting, _conditions(), seed=1)
        assert action.dtype is torch.float64, f"in double precision it acts in {action.dtype}"
        for model in acting.models.values():
            model.float()
        single = _acted(acting, _conditions().float(), seed=1)
        assert single.dtype is torch.float32, f"in single precision it acts in {single.dtype}"

    def test_noise_comes_from_the_generator_or_else_from_torch(self, part: Inference) -> None:
        """An evaluation is repeated by its generator, whatever was drawn before."""
        acting, condition = _bound(part), _conditions()
        before = torch.get_rng_state()
        one, same = (_acted(acting, condition, seed=1) for _ in "ab")
        assert torch.equal(torch.get_rng_state(), before), "it uses torch's numbers all the same"
        assert torch.equal(one, same), "the same generator gives another action"
        first = _acted(acting, condition)
        torch.set_rng_state(before)
        assert torch.equal(_acted(acting, condition), first), "torch's seed is not heeded"

    def test_an_action_is_its_own_observations(self, part: Inference) -> None:
        """Environments act in one batch; none may act on what another sees."""
        for shape in SHAPES:
            acting, condition = _bound(part, shape), _conditions()
            before = _acted(acting, condition, seed=1)
            condition[1] += 1.0
            moved = (_acted(acting, condition, seed=1) - before).abs().flatten(1).amax(1) > 1e-9
            assert moved[1], "its action does not depend on its observation"
            assert moved.sum() == 1, "changing one observation changes the actions of others"

    def test_observations_may_come_in_any_order(self, part: Inference) -> None:
        """A place in the batch must mean nothing, to the choice among candidates either."""
        acting, condition, order = _bound(part), _conditions(), torch.tensor(ORDER)
        expected = _acted(acting, condition, seed=1)[order]
        with rows_of_noise_in_order(order):
            found = _acted(acting, condition[order], seed=1)
        torch.testing.assert_close(found, expected)

    def test_its_actions_are_worth_no_less_than_plain_samples(self, part: Inference) -> None:
        """One that asks for a critic and heeds it the wrong way round acts, and nobody notices."""
        acting, condition = _bound(part), _conditions(200)
        policy, critic = (acting.models.get(name) for name in ("policy", "critic"))
        if not isinstance(policy, VelocityBackbone) or not isinstance(critic, Critic):
            self.skip("it does not ask for both a policy and a critic")
        generator, solver = (
            torch.Generator().manual_seed(2),
            companion("solver", "midpoint", steps=2),
        )
        with torch.no_grad():
            drawn = draw_candidates(policy, solver, condition, 32, generator)
            plain = value_candidates(critic, condition, drawn)
            found = critic.q(condition, _acted(acting, condition, seed=1))
        lost = float(((plain.mean(1) - found) / plain.std(1)).mean())
        assert lost < _MARGIN, f"they are worth {lost:.2g} standard deviations less on average"

    def test_acting_leaves_the_models_as_they_were(self, part: Inference) -> None:
        """Agents are scored in the middle of training, which must go on as if they were not."""
        acting = _bound(part)
        before = _facts(acting)
        action = _acted(acting, _conditions())
        assert not action.requires_grad, "the action carries a graph though gradients are off"
        after = _facts(acting)
        for key, (value, *rest) in before.items():
            now, *others = after[key]
            assert torch.equal(now, value), f"acting changes {key}"
            assert others == rest, f"acting leaves a gradient in {key}, or changes what trains"

    def test_it_is_the_same_on_cuda(self, part: Inference) -> None:
        """A tensor made on the CPU while acting fails there, a generator on the CPU must not."""
        if not torch.cuda.is_available():
            self.skip("there is no GPU here")
        acting, condition = _bound(part), _conditions()
        expected = _acted(acting, condition, seed=1)
        for model in acting.models.values():
            model.to("cuda")
        found = _acted(acting, condition.to("cuda"), seed=1).cpu()
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def _bound(part: Inference, shape: tuple[int, ...] = (2,)) -> Answered:
    return answered(part.act, "the inference", ACT, shape)


def _conditions(rows: int = 5) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(rows, OBSERVATION, generator=generator).double()


@torch.no_grad()
def _acted(acting: Answered, condition: Tensor, seed: int | None = None) -> Tensor:
    """Act as an agent does: with a generator, and without gradients."""
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    action: Tensor = acting.call(condition=condition, generator=generator)
    return action


def _facts(acting: Answered) -> dict[str, tuple[Any, ...]]:
    facts: dict[str, tuple[Any, ...]] = {}
    for name, model in acting.models.items():
        weights = dict(model.named_parameters())
        for key, value in model.state_dict().items():
            weight = weights.get(key)
            rest = () if weight is None else (weight.requires_grad, weight.grad is None)
            facts[f"{name}.{key}"] = (value.clone(), *rest)
    return facts
