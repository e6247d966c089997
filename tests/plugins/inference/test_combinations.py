"""Every objective with every critic and every inference: it trains and acts, or says why not."""

from collections.abc import Callable

import attrs
import numpy as np
import pytest
import torch

from genpolicy.agent import shapes_of
from genpolicy.composition.agent_recipe import BASES, AgentRecipe
from genpolicy.composition.fit import check_fit
from genpolicy.composition.layers import Layer, from_arguments
from genpolicy.composition.resolve import resolve
from genpolicy.dataset import Dataset
from genpolicy.discovery.catalogue import Catalogue, load_catalogue
from genpolicy.errors import FitError, OptionError
from genpolicy.recipe import options_of
from genpolicy.training.learner import Learner, stages_of

CPU = torch.device("cpu")

WITH_VALUE = {"gmpo", "iql"}
"""Objectives that ask for the value of an observation."""
CRITIC_FIRST = {"gmpo", "gmpo-softmax", "gmpg", "srpo"}
"""Objectives whose critic is trained before who acts, so that it cannot ask what they do."""
WITHOUT_BEHAVIOUR = {
    *("gmpo", "iql", "gtp", "edp", "td3-bc", "rebrac"),
    *("diffusion-ql", "consistency-ac", "mean-flow-ql", "bidirectional-ql", "shortcut-ql"),
}
"""Objectives with a critic and no model of the behaviour."""
WITHOUT_PATH = {"srpo", "consistency-ac", "fql", "gfp", "td3-bc", "iql", "rebrac"}
"""Objectives whose acting role is by default no model of a Gaussian path."""
BY_STUDENT = {"srpo", "fql", "gfp"}
"""Objectives whose student acts."""
JUMPING = {"gtp", "mean-flow-ql", "bidirectional-ql", "shortcut-ql"}
"""Objectives whose default solver is that of a learned map."""


def _names(kind: str) -> list[str]:
    parts = load_catalogue().parts(kind)
    return [part.spec.name for part in parts if part.distribution == "genpolicy"]


def _make(catalogue: Catalogue, objective: str, *arguments: str) -> AgentRecipe:
    """A small agent of which every stage takes a step."""
    known = options_of(catalogue.load(catalogue.find("objective", objective), BASES["objective"]))
    sizes = {"candidates": 2} | {k: 8 for k in known if k.endswith("batch_size")}
    sizes |= {k: 1 for k in known if k.endswith("steps")} | {"chain_steps": 2}
    small = {f"objective.{k}": size for k, size in sizes.items() if k in known}
    small |= {"objective": objective, "network": "mlp", "network.time_dim": 4}
    small |= {f"{slot}.hidden": 8 for slot in ("network", "critic") if objective != "bc"}
    recipe = resolve(catalogue, [Layer("small", small), from_arguments(arguments)], recipe="none")
    check_fit(recipe, catalogue)
    return recipe


def _trains_and_acts(recipe: AgentRecipe, data: Dataset) -> None:
    torch.manual_seed(0)
    learner = Learner(recipe, shapes_of(data), CPU)
    before = {
        name: [weight.detach().clone() for weight in model.parameters()]
        for name, model in learner.models.all().items()
    }
    for number, stage in enumerate(stages_of(recipe.objective)):
        learner.take_step(data.to_batch(CPU), learner.enter(number, stage))
        learner.means.clear()  # as at the end of every stage
    assert learner.not_finite() is None
    for name, model in learner.models.all().items():
        pairs = zip(before[name], model.parameters(), strict=True)
        assert any(not torch.equal(old, new) for old, new in pairs), f"{name} has not moved"
    agent = learner.agent(recipe.objective.acting_role, data, "run")
    actions = agent.act(data.observation[:3])
    assert actions.shape == (3, *data.action.shape[1:])
    assert np.isfinite(actions).all()


def _why_not(objective: str, critic: str) -> list[str]:
    """Words that must be in the refusal of a critic; none where it fits."""
    if objective == "bc":
        return ["bc uses no critic; leave it out"]
    words = []
    if objective in WITH_VALUE and critic != "iql":
        words.append(
            f"{objective} needs a critic that estimates the value of an observation (ValueCritic), "
            f"but {critic!r} is only one that estimates the value of an action; fitting: iql"
        )
    if critic in ("double-q", "ensemble") and objective in CRITIC_FIRST:
        words.append(f"{critic} asks for ")
        words.append(f" in stage 'critic' of {objective}, which trains it later")
    if critic == "in-sample-softmax" and objective in WITHOUT_BEHAVIOUR:
        words.append(f"{critic} asks for 'behaviour', and {objective!r} has no such role")
    return words


@pytest.mark.parametrize("critic", _names("critic"))
@pytest.mark.parametrize("objective", _names("objective"))
def test_every_critic_serves_an_objective_or_is_refused_in_words(
    objective: str, critic: str, catalogue: Catalogue, make_dataset: Callable[..., Dataset]
) -> None:
    words = _why_not(objective, critic)
    if not words:
        recipe = _make(catalogue, objective, f"critic={critic}", "critic.hidden=8")
        return _trains_and_acts(recipe, make_dataset())
    with pytest.raises((FitError, OptionError)) as caught:
        _make(catalogue, objective, f"critic={critic}")
    assert all(word in str(caught.value) for word in words), str(caught.value)
    return None


def _why_not_acting(objective: str, inference: str) -> list[str]:
    """Words that must be in the refusal of an inference; none where it fits."""
    words = []
    if objective == "bc" and inference in ("best-of", "guidance"):
        words.append(f"inference {inference!r} needs a critic, and 'bc' trains none; take an ")
    if inference == "energy-guidance" and objective != "qgpo":
        words.append(f"energy-guidance asks for 'guide', and {objective!r} has no such role")
    if inference in ("guidance", "energy-guidance") and objective in WITHOUT_PATH:
        role = " in the role of 'student'" if objective in BY_STUDENT else ""
        words.append(f"{inference} needs a backbone{role} that travels on a known Gaussian path")
    if inference == "guidance" and objective in JUMPING:
        words.append(
            "guidance needs a solver that follows a velocity (VelocitySolver), but 'jump' is only "
            "one that gives samples with exact gradients; fitting: euler, midpoint, "
        )
    return words


@pytest.mark.parametrize("inference", _names("inference"))
@pytest.mark.parametrize("objective", _names("objective"))
def test_every_inference_serves_an_objective_or_is_refused_in_words(
    objective: str, inference: str, catalogue: Catalogue, make_dataset: Callable[..., Dataset]
) -> None:
    words = _why_not_acting(objective, inference)
    few = ["inference.candidates=3"] if inference == "best-of" else []
    if not words:
        recipe = _make(catalogue, objective, f"inference={inference}", *few)
        return _trains_and_acts(recipe, make_dataset())
    with pytest.raises(FitError) as caught:
        _make(catalogue, objective, f"inference={inference}", *few)
    assert all(word in str(caught.value) for word in words), str(caught.value)
    return None


@pytest.mark.parametrize("objective", sorted(JUMPING))
def test_a_map_that_knows_its_velocity_is_guided_by_a_solver_of_velocities(
    objective: str, catalogue: Catalogue, make_dataset: Callable[..., Dataset]
) -> None:
    parts = ("inference=guidance", "solver=midpoint", "solver.steps=2")
    _trains_and_acts(_make(catalogue, objective, *parts), make_dataset())


@pytest.mark.parametrize("objective", [name for name in _names("objective") if name != "bc"])
def test_chunks_pass_through_every_objective(
    objective: str, catalogue: Catalogue, make_dataset: Callable[..., Dataset]
) -> None:
    data = make_dataset()
    chunks = np.stack([data.action, -data.action, data.action], axis=1)
    _trains_and_acts(_make(catalogue, objective), attrs.evolve(data, action=chunks))
