from typing import Any

import attrs
import numpy as np
import pytest
import torch

from genpolicy.composition.agent_recipe import AgentRecipe
from genpolicy.composition.assemble import Shapes, build_acting, build_models
from genpolicy.composition.contract import ACT, needs_of
from genpolicy.composition.fit import check_fit
from genpolicy.composition.layers import from_arguments
from genpolicy.composition.resolve import resolve
from genpolicy.dataset import Batch
from genpolicy.discovery.catalogue import Catalogue
from genpolicy.errors import BrokenPartError
from genpolicy.training.learner import Learner

SHAPES = Shapes(observation_dim=3, action_shape=(2,))
CPU = torch.device("cpu")


def _recipe(catalogue: Catalogue, *arguments: str) -> AgentRecipe:
    small = ("network=mlp", "network.hidden=8")
    return resolve(catalogue, [from_arguments([*small, *arguments])], recipe="none")


def _batch() -> Batch:
    return Batch(
        observation=torch.randn(4, 3),
        action=torch.randn(4, 2),
        reward=torch.randn(4),
        next_observation=torch.randn(4, 3),
        terminal=torch.zeros(4),
        next_action=torch.randn(4, 2),
    )


def test_an_agent_has_a_model_per_role_and_its_critic(fakes: Catalogue) -> None:
    models = build_models(_recipe(fakes, "objective=gmpg"), SHAPES, CPU)
    assert set(models.all()) == {"policy", "behaviour", "critic"}
    assert models.trainable("critic") is models.critic
    assert models.trainable("policy") is models.roles["policy"]


def test_an_agent_without_values_has_no_critic(fakes: Catalogue) -> None:
    assert set(build_models(_recipe(fakes, "objective=bc"), SHAPES, CPU).all()) == {"policy"}


def test_models_are_drawn_from_the_global_random_numbers(fakes: Catalogue) -> None:
    recipe = _recipe(fakes, "objective=gmpg")
    drawn = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        drawn.append(build_models(recipe, SHAPES, CPU).roles["policy"].state_dict())
    assert all(torch.equal(drawn[0][key], drawn[1][key]) for key in drawn[0])
    assert any(not torch.equal(drawn[0][key], drawn[2][key]) for key in drawn[0])


def test_a_critic_may_ask_for_the_slow_copy_of_a_policy(fakes: Catalogue) -> None:
    models = build_models(_recipe(fakes, "objective=gmpg", "critic=blunt"), SHAPES, CPU)
    assert set(models.targets) == {"policy"}
    assert not any(weight.requires_grad for weight in models.targets["policy"].parameters())
    loss = models.loss_of("critic")(batch=_batch())
    assert float(loss.value.detach()) == 1.0


def test_the_policy_that_a_critic_speaks_of_is_the_one_that_acts(fakes: Catalogue) -> None:
    recipe = _recipe(fakes, "objective=guided", "critic=blunt")
    assert set(build_models(recipe, SHAPES, CPU).targets) == {"student"}


def test_arguments_are_filled_in_by_name_whatever_their_order(fakes: Catalogue) -> None:
    recipe = _recipe(fakes, "objective=distilled")
    models = build_models(recipe, SHAPES, CPU)
    assert models.loss_of("student")(batch=_batch()).value.requires_grad


def test_what_acts_is_the_acting_role_with_its_own_solver(fakes: Catalogue) -> None:
    recipe = _recipe(fakes, "objective=distilled")
    acting = build_acting(recipe, SHAPES, CPU)
    assert set(acting.all()) == {"student"}

    def act(solver: torch.nn.Module, policy: torch.nn.Module) -> tuple[str, str]:
        return type(solver).__name__, type(policy).__name__

    assert acting.bind(act, needs_of(act, "test", ACT, "student"))() == ("Hop", "Jumping")


def test_a_role_that_is_no_backbone_is_built_by_its_objective_and_may_act(fakes: Catalogue) -> None:
    recipe = _recipe(fakes, "objective=guided", "inference=led")
    check_fit(recipe, fakes)
    models = build_models(recipe, SHAPES, CPU)
    assert isinstance(models.roles["guide"], torch.nn.Module)
    assert models.loss_of("guide")(batch=_batch()).value.requires_grad
    acting = build_acting(recipe, SHAPES, CPU)
    assert set(acting.all()) == {"student", "guide"}


def test_a_critic_acts_along_only_where_the_inference_asks(fakes: Catalogue) -> None:
    plain = build_acting(_recipe(fakes, "objective=gmpo"), SHAPES, CPU)
    choosy = build_acting(_recipe(fakes, "objective=gmpo", "inference=best"), SHAPES, CPU)
    assert plain.critic is None
    assert choosy.critic is not None


@pytest.mark.parametrize(
    ("backbone", "sentence"),
    [
        (
            "fragile",
            "backbone 'fragile' of fakes 0 failed to build: ZeroDivisionError: no width; upgrade "
            "it with `pip install -U fakes` or remove it with `pip uninstall fakes`",
        ),
        (
            "liar",
            "backbone 'liar' of fakes 0 built a int, no Backbone; upgrade it with `pip install -U "
            "fakes` or remove it with `pip uninstall fakes`",
        ),
    ],
)
def test_a_part_that_fails_to_build_is_named(
    backbone: str, sentence: str, fakes: Catalogue
) -> None:
    with pytest.raises(BrokenPartError) as caught:
        build_models(_recipe(fakes, "objective=bc", f"backbone={backbone}"), SHAPES, CPU)
    assert str(caught.value) == sentence


def test_the_critic_is_built_for_the_box_of_the_data(fakes: Catalogue) -> None:
    low, high = np.array([-1.0, 0.0], np.float32), np.array([2.0, 0.5], np.float32)
    boxed = attrs.evolve(SHAPES, action_low=low, action_high=high)
    recipe, observation = _recipe(fakes, "objective=gmpo", "inference=best"), torch.randn(4, 3)
    far, corner = (torch.tensor(action).expand(4, 2) for action in ([9.0, -9.0], [2.0, 0.0]))
    for build in (build_models, build_acting):
        critic = build(recipe, boxed, CPU).critic
        assert critic is not None
        assert torch.equal(critic.q(observation, far), critic.q(observation, corner))
        free = build(recipe, SHAPES, CPU).critic
        assert free is not None
        assert not torch.equal(free.q(observation, far), free.q(observation, corner))


def test_a_policys_step_leaves_the_gradients_of_the_critic_that_it_climbs_alone(
    catalogue: Catalogue,
) -> None:
    """They train in one stage, and the policy's loss goes through the critic."""
    recipe = _recipe(catalogue, "objective=diffusion-ql", "critic.hidden=8", "solver.steps=2")
    learner = Learner(recipe, SHAPES, CPU)
    critics, policys = learner.enter(0, recipe.objective.stages()[0])
    assert (critics.role, policys.role) == ("critic", "policy")
    batch, critic = _batch(), learner.models.critic
    assert critic is not None
    critics.step(batch, 0)
    own = {name: weight.grad.clone() for name, weight in _graded(critic)}
    before = {name: weight.clone() for name, weight in critic.state_dict().items()}
    policys.step(batch, 0)
    assert own
    assert all(torch.equal(weight.grad, own[name]) for name, weight in _graded(critic))
    assert all(torch.equal(weight, before[name]) for name, weight in critic.state_dict().items())
    assert any(
        bool((weight.grad != 0.0).any()) for _, weight in _graded(learner.models.roles["policy"])
    )


def _graded(model: torch.nn.Module) -> list[tuple[str, Any]]:
    return [(name, weight) for name, weight in model.named_parameters() if weight.grad is not None]
