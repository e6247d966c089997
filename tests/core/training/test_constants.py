"""What losses ask of models at rest is computed once for every transition, where it may be."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
import torch
from torch import Tensor

from genpolicy import Backbone, Batch, Loss, ValueCritic
from genpolicy.agent import shapes_of
from genpolicy.composition.agent_recipe import AgentRecipe
from genpolicy.composition.losses import loss_needs
from genpolicy.dataset import Dataset
from genpolicy.errors import BrokenPartError, DivergedError, StoppedError
from genpolicy.training.constants import ConstantSampler, with_constants
from genpolicy.training.learner import Learner
from genpolicy.training.part import PartSampler
from genpolicy.training.python_state import bound_parts
from genpolicy.training.runner import Runner
from genpolicy.training.sampler import Sampler
from genpolicy.training.together import run_together
from genpolicy_plugins.objectives.gmpo import GMPO

Maker = Callable[..., AgentRecipe]
DataMaker = Callable[..., Dataset]

CPU = torch.device("cpu")
GMPO_STEPS = ("objective.critic_steps=6", "objective.policy_steps=12", "objective.batch_size=8")
CRITIC, POLICY = 0, 1


@pytest.fixture
def recipe(small_recipe: Maker) -> AgentRecipe:
    return small_recipe("gmpo", *GMPO_STEPS, "train.checkpoint_seconds=1e9")


@pytest.fixture
def data(make_dataset: DataMaker) -> Dataset:
    return make_dataset(rows=64)


def entered(recipe: AgentRecipe, data: Dataset, number: int) -> tuple[Learner, Any]:
    torch.manual_seed(0)
    learner = Learner(recipe, shapes_of(data), CPU)
    stage = recipe.objective.stages()[number]
    learner.enter(number, stage)
    return learner, stage


def instead(recipe: AgentRecipe, objective: type[GMPO], **options: Any) -> AgentRecipe:
    """Return an agent of another objective with the same options."""
    own = {f.name: getattr(recipe.objective, f.name) for f in attrs.fields(GMPO)}
    part = objective(**{**own, **options})
    chosen = attrs.evolve(recipe.chosen["objective"], recipe=part)
    return attrs.evolve(recipe, chosen={**recipe.chosen, "objective": chosen})


@pytest.mark.parametrize("part", [False, True])
def test_every_batch_carries_what_its_loss_would_compute(
    part: bool, recipe: AgentRecipe, data: Dataset
) -> None:
    learner, stage = entered(recipe, data, POLICY)
    whole = Sampler(data, CPU)
    drawn_from = PartSampler(whole, torch.arange(5, 64, 3)) if part else whole
    sampler = with_constants(drawn_from, learner, stage)
    torch.manual_seed(1)
    batch = sampler.draw(32)
    torch.manual_seed(1)
    same = drawn_from.draw(32)
    assert torch.equal(batch.observation, same.observation)
    assert same.constants == {}
    critic = learner.models.critic
    expected = recipe.objective.weight(same, critic)  # type: ignore[attr-defined]
    torch.testing.assert_close(batch.constants["weight"], expected)
    assert expected.std() > 0
    loss = learner.models.loss_of("policy")
    torch.manual_seed(2)
    known = loss(batch=batch).value
    torch.manual_seed(2)
    torch.testing.assert_close(known, loss(batch=same).value)


def test_data_in_a_file_have_the_same_constants(
    recipe: AgentRecipe, data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENT_CACHE", str(tmp_path))
    learner, stage = entered(recipe, data, POLICY)
    found = []
    for resident in ("yes", "no"):
        torch.manual_seed(1)
        sampler = with_constants(Sampler(data, CPU, resident), learner, stage)  # type: ignore[arg-type]
        found.append(sampler.draw(32).constants["weight"])
    assert torch.equal(*found)


def test_constants_are_computed_in_the_precision_of_the_losses(
    small_recipe: Maker, data: Dataset
) -> None:
    recipe = small_recipe("gmpo", *GMPO_STEPS, "train.precision=bf16")
    learner, stage = entered(recipe, data, POLICY)
    sampler = Sampler(data, CPU)
    batch = with_constants(sampler, learner, stage).draw(32)
    with torch.autocast("cpu", dtype=torch.bfloat16), torch.no_grad():
        expected = recipe.objective.weight(batch, learner.models.critic)  # type: ignore[attr-defined]
    torch.testing.assert_close(batch.constants["weight"], expected, rtol=3e-2, atol=1e-3)
    assert batch.constants["weight"].dtype == expected.dtype


def test_a_critic_at_rest_is_asked_as_its_stage_begins_and_never_again(
    recipe: AgentRecipe, data: Dataset, tmp_path: Path
) -> None:
    runner = Runner(recipe, data, run="r", folder=tmp_path, device=CPU)
    asked: list[int] = []
    critic = runner.learner.models.critic
    assert critic is not None
    q = critic.q

    def counted(*arguments: Tensor) -> Tensor:
        asked.append(runner.learner.step)
        return q(*arguments)

    critic.q = counted  # type: ignore[method-assign]
    runner.run([])
    assert runner.learner.step == 18
    assert {step for step in asked if step >= 6} == {6}


def test_a_run_stopped_among_constants_ends_as_one_that_was_not(
    recipe: AgentRecipe, data: Dataset, tmp_path: Path
) -> None:
    whole = Runner(recipe, data, run="r", folder=tmp_path / "whole", device=CPU)
    whole.run([])
    stopped = Runner(recipe, data, run="r", folder=tmp_path / "r", device=CPU)
    take = stopped.learner.take_step

    def stopping(*arguments: Any) -> None:
        take(*arguments)
        if stopped.learner.step == 11:
            stopped.stop()

    stopped.learner.take_step = stopping  # type: ignore[method-assign]
    with pytest.raises(StoppedError):
        stopped.run([])
    again = Runner(recipe, data, run="r", folder=tmp_path / "r", device=CPU)
    assert again.restore() == (11, [])
    again.run([])
    ends = [runner.learner.state().tensors for runner in (whole, again)]
    assert ends[0].keys() == ends[1].keys()
    assert all(torch.equal(value, ends[1][name]) for name, value in ends[0].items())


def test_what_asks_for_a_model_that_trains_is_left_to_the_loss(
    small_recipe: Maker, data: Dataset
) -> None:
    recipe = small_recipe("iql", "solver=jump", "objective.steps=100", "objective.batch_size=8")
    learner, stage = entered(recipe, data, 0)
    sampler = Sampler(data, CPU)
    assert "weight" in learner.models.constants_of("policy", [])
    assert with_constants(sampler, learner, stage) is sampler


def test_a_stage_that_sees_few_transitions_asks_for_no_others(
    recipe: AgentRecipe, make_dataset: DataMaker
) -> None:
    for rows, known in ((96, True), (97, False)):  # the stage sees 12 times 8
        data = make_dataset(rows=rows)
        learner, stage = entered(recipe, data, POLICY)
        sampler = with_constants(Sampler(data, CPU), learner, stage)
        assert isinstance(sampler, ConstantSampler) == known


class Drawing(GMPO):
    def weight(self, batch: Batch, critic: ValueCritic) -> Tensor:
        return super().weight(batch, critic) * torch.rand(len(batch))


class Relative(GMPO):
    def weight(self, batch: Batch, critic: ValueCritic) -> Tensor:
        weight = super().weight(batch, critic)
        return weight / weight.mean()


class Early(GMPO):
    """What is the batch's alone where rewards differ, which they do not at first."""

    def weight(self, batch: Batch, critic: ValueCritic) -> Tensor:
        return torch.exp(batch.reward - batch.reward.mean())


class Infinite(GMPO):
    def weight(self, batch: Batch, critic: ValueCritic) -> Tensor:
        return super().weight(batch, critic) / torch.zeros(len(batch))


class Large(GMPO):
    def weight(self, batch: Batch, critic: ValueCritic) -> Tensor:
        return super().weight(batch, critic)[:, None].expand(-1, 13).mean(1, keepdim=True)

    def policy_loss(  # type: ignore[override]
        self, batch: Batch, policy: Backbone, weight: Tensor, wide: Tensor
    ) -> Loss:
        return super().policy_loss(batch, policy, weight[:, 0])

    def wide(self, batch: Batch) -> Tensor:
        return batch.reward[:, None].expand(-1, 13)  # a transition has 12 numbers here


def test_what_is_larger_than_the_transitions_is_left_to_the_loss(
    recipe: AgentRecipe, data: Dataset
) -> None:
    learner, stage = entered(instead(recipe, Large), data, POLICY)
    sampler = Sampler(data, CPU)
    assert sampler.packed.shape[1] == 12
    assert with_constants(sampler, learner, stage).draw(8).constants.keys() == {"weight"}


class Binary(GMPO):
    def weight(self, batch: Batch, critic: ValueCritic) -> Tensor:
        return self.advantage(batch, critic) > 0

    def advantage(self, batch: Batch, critic: ValueCritic) -> Tensor:
        return batch.reward + 0.0 * critic.q(batch.observation, batch.action)

    def policy_loss(self, batch: Batch, policy: Backbone, weight: Tensor) -> Loss:
        return super().policy_loss(batch, policy, weight.float())


class OfAnother(Binary):
    def weight(self, batch: Batch, advantage: Tensor) -> Tensor:  # type: ignore[override]
        return advantage > 0


def test_a_constant_may_be_a_mask_and_ask_for_another(recipe: AgentRecipe, data: Dataset) -> None:
    found = []
    for objective in (Binary, OfAnother):
        learner, stage = entered(instead(recipe, objective), data, POLICY)
        torch.manual_seed(1)
        found.append(with_constants(Sampler(data, CPU), learner, stage).draw(32))
    assert found[0].constants["weight"].dtype == torch.bool
    assert 0 < found[0].constants["weight"].sum() < 32
    assert torch.equal(found[0].constants["weight"], found[1].constants["weight"])


class Noisy(GMPO):
    """What weighs and what the loss sees are of one draw."""

    def noise(self, batch: Batch) -> Tensor:
        return torch.rand(len(batch))

    def weight(self, batch: Batch, noise: Tensor) -> Tensor:  # type: ignore[override]
        return 2.0 * noise

    def policy_loss(  # type: ignore[override]
        self, batch: Batch, policy: Backbone, weight: Tensor, noise: Tensor
    ) -> Loss:
        return Loss(
            (weight - 2.0 * noise).abs().max()
            + policy.matching_loss(batch.action, batch.observation).mean() * 0
        )


def test_a_constant_that_is_asked_for_twice_is_computed_once(
    recipe: AgentRecipe, data: Dataset
) -> None:
    learner, _ = entered(instead(recipe, Noisy), data, POLICY)
    loss = learner.models.loss_of("policy")(batch=Sampler(data, CPU).draw(8))
    assert float(loss.value) == 0.0


class Half(GMPO):
    """Of what asks for the policy, which trains, what it asks for may be at rest."""

    def advantage(self, batch: Batch, critic: ValueCritic) -> Tensor:
        return critic.q(batch.observation, batch.action)

    def weight(  # type: ignore[override]
        self, batch: Batch, policy: Backbone, advantage: Tensor
    ) -> Tensor:
        return advantage * policy.matching_loss(batch.action, batch.observation)


def test_what_a_constant_asks_for_may_be_at_rest_where_it_is_not(
    recipe: AgentRecipe, data: Dataset
) -> None:
    learner, stage = entered(instead(recipe, Half), data, POLICY)
    batch = with_constants(Sampler(data, CPU), learner, stage).draw(8)
    assert batch.constants.keys() == {"advantage"}
    critic = learner.models.critic
    assert critic is not None
    critic.q = None  # type: ignore[assignment, method-assign]
    assert torch.isfinite(learner.models.loss_of("policy")(batch=batch).value)


class Circular(GMPO):
    def weight(self, batch: Batch, one: Tensor) -> Tensor:  # type: ignore[override]
        raise AssertionError

    def one(self, batch: Batch, weight: Tensor) -> Tensor:
        raise AssertionError


def test_a_constant_that_asks_for_itself_is_refused() -> None:
    with pytest.raises(
        BrokenPartError, match=r"^mine: the tensor 'weight' asks for itself: weight → one → weight$"
    ):
        loss_needs(Circular(), "mine")


def test_constants_have_no_gradient_whatever_computes_them(
    recipe: AgentRecipe, data: Dataset
) -> None:
    class Attached(GMPO):
        def weight(self, batch: Batch, critic: ValueCritic) -> Tensor:
            with torch.enable_grad():
                action = batch.action.clone().requires_grad_()
                return critic.q(batch.observation, action)

        def policy_loss(self, batch: Batch, policy: Backbone, weight: Tensor) -> Loss:
            assert not weight.requires_grad
            return super().policy_loss(batch, policy, weight)

    learner, stage = entered(instead(recipe, Attached), data, POLICY)
    sampler = Sampler(data, CPU)
    learner.models.loss_of("policy")(batch=sampler.draw(8))
    assert not with_constants(sampler, learner, stage).draw(8).constants["weight"].requires_grad


@pytest.mark.parametrize("objective", [Drawing, Relative, Early, Infinite])
def test_what_is_not_a_transitions_own_is_left_to_the_loss(
    objective: type[GMPO], recipe: AgentRecipe, data: Dataset
) -> None:
    reward = (np.arange(len(data)) > 48).astype(np.float32)
    learner, stage = entered(instead(recipe, objective), data, POLICY)
    sampler = Sampler(attrs.evolve(data, reward=reward), CPU)
    before = torch.get_rng_state()
    assert with_constants(sampler, learner, stage) is sampler
    assert torch.equal(before, torch.get_rng_state())
    assert learner.models.loss_of("policy")(batch=sampler.draw(8)).value.shape == ()


def test_members_of_a_batch_know_what_their_own_critics_say(
    recipe: AgentRecipe, data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runners = [
        Runner(
            attrs.evolve(instead(recipe, GMPO, beta=beta), seed=seed),
            data,
            run=f"r{seed}",
            folder=tmp_path / f"{seed}",
            device=CPU,
        )
        for seed, beta in enumerate((0.5, 1.0, 4.0))
    ]
    seen: list[Batch] = []
    draw = ConstantSampler.draw

    def drawn(sampler: ConstantSampler, size: int) -> Batch:
        seen.append(draw(sampler, size))
        return seen[-1]

    monkeypatch.setattr(ConstantSampler, "draw", drawn)
    ends: list[object] = []
    run_together(runners, [[], [], []], lambda _, end: ends.append(end))
    assert [type(end).__name__ for end in ends] == ["Outcome"] * 3
    assert len(seen) == 3 * 12
    for batch, runner in zip(seen, 12 * runners, strict=True):
        own = runner.recipe.objective.weight(batch, runner.learner.models.critic)  # type: ignore[attr-defined]
        torch.testing.assert_close(batch.constants["weight"], own)
    assert not torch.allclose(seen[0].constants["weight"], seen[2].constants["weight"])


class Mean(GMPO):
    def weight(self, batch: Batch, critic: ValueCritic) -> Tensor:
        return super().weight(batch, critic).mean()


class Sure(GMPO):
    def weight(self, batch: Batch, critic: ValueCritic) -> Tensor:
        return 1.0  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("objective", "found"), [(Mean, "of shape ()"), (Sure, "1.0")], ids=["mean", "number"]
)
def test_a_constant_without_a_row_for_each_transition_is_refused(
    objective: type[GMPO], found: str, recipe: AgentRecipe, data: Dataset
) -> None:
    learner, stage = entered(instead(recipe, objective), data, POLICY)
    sampler = Sampler(data, CPU)
    with pytest.raises(BrokenPartError) as refused:
        with_constants(sampler, learner, stage)
    with pytest.raises(BrokenPartError, match=re.escape(str(refused.value))):
        learner.models.loss_of("policy")(batch=sampler.draw(8))
    assert str(refused.value) == (
        "the constant 'weight' of the objective must have a row for each transition of a batch, "
        f"[batch, ...], here 8; it came out {found}"
    )


class Unclipped(GMPO):
    def weight(self, batch: Batch, critic: ValueCritic) -> Tensor:
        return torch.exp(self.beta * (10.0 + batch.reward))


@pytest.mark.parametrize("betas", [(1.0, 100.0), (100.0, 1.0)])
def test_a_member_whose_constants_are_not_finite_leaves_the_others_alone(
    betas: tuple[float, float], recipe: AgentRecipe, data: Dataset, tmp_path: Path
) -> None:
    runners = [
        Runner(
            attrs.evolve(instead(recipe, Unclipped, beta=beta), seed=seed),
            data,
            run=f"r{seed}",
            folder=tmp_path / f"{seed}",
            device=CPU,
        )
        for seed, beta in enumerate(betas)
    ]
    ends: dict[int, object] = {}
    run_together(runners, [[], []], ends.__setitem__)
    finite, infinite = (ends[betas.index(beta)] for beta in (1.0, 100.0))
    assert type(finite).__name__ == "Outcome"
    assert isinstance(infinite, DivergedError)


def test_a_stage_that_is_over_asks_for_nothing(
    recipe: AgentRecipe, data: Dataset, tmp_path: Path
) -> None:
    runner = Runner(recipe, data, run="r", folder=tmp_path, device=CPU)
    runner.run([])
    again = Runner(recipe, data, run="r", folder=tmp_path, device=CPU)
    assert again.restore() == (18, [])
    critic = again.learner.models.critic
    assert critic is not None
    critic.q = None  # type: ignore[assignment, method-assign]
    again.run([])


def test_what_computes_constants_is_among_the_parts_that_a_graph_looks_at(
    recipe: AgentRecipe, data: Dataset
) -> None:
    learner, _ = entered(recipe, data, POLICY)
    parts = bound_parts(learner.models.loss_of("policy"))
    models = learner.models
    for wanted in (recipe.objective, models.roles["policy"], models.critic):
        assert any(part is wanted for part in parts)


class Nameless(GMPO):
    def policy_loss(  # type: ignore[override]
        self, batch: Batch, policy: Backbone, heaviness: Tensor
    ) -> Loss:
        raise AssertionError


class Shadowed(Nameless):
    heaviness = 3.0


class Blind(Nameless):
    def heaviness(self, critic: ValueCritic) -> Tensor:
        raise AssertionError


@pytest.mark.parametrize("objective", [Nameless, Shadowed, Blind])
def test_a_tensor_that_no_method_computes_is_refused_by_name(objective: type[GMPO]) -> None:
    sentence = (
        r"^mine: Nameless.policy_loss asks for a tensor 'heaviness', and there is no method "
        r"'heaviness\(self, batch, …\)' that computes it$"
    )
    with pytest.raises(BrokenPartError, match=sentence):
        loss_needs(objective(), "mine")


def test_what_constants_ask_for_is_a_need_of_the_objective() -> None:
    needs = {(need.argument, need.ability) for need in loss_needs(GMPO(), "gmpo")}
    assert needs == {("policy", Backbone), ("critic", ValueCritic)}
