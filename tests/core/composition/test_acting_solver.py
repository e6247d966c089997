import numpy as np
import pytest
import torch

import genpolicy
from genpolicy.agent import Agent, shapes_of
from genpolicy.composition.acting_solver import with_solver
from genpolicy.errors import FitError, OptionError, UnknownPartError
from genpolicy.training.learner import Learner

OBSERVATIONS = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)


def _solver(recipe, catalogue, solver=None, steps=None):
    changed = with_solver(recipe, catalogue, solver, steps)
    slot = changed.slot_of(changed.objective.acting_role, "solver")
    return changed.chosen[slot].name, getattr(changed.chosen[slot].recipe, "steps", None)


def test_a_solver_is_named_as_in_training(small_recipe, catalogue):
    recipe = small_recipe("bc")
    assert _solver(recipe, catalogue) == ("midpoint", 2)
    assert _solver(recipe, catalogue, "heun:4") == ("heun", 4)
    assert _solver(recipe, catalogue, "euler", 5) == ("euler", 5)
    assert _solver(recipe, catalogue, "dopri5") == ("dopri5", None)
    assert _solver(recipe, catalogue, steps=7) == ("midpoint", 7)


def test_other_steps_keep_the_solvers_other_options(small_recipe, catalogue):
    recipe = with_solver(small_recipe("bc", "solver.grid=karras"), catalogue, None, 7)
    assert recipe.chosen["solver"].recipe.grid == "karras"


def test_who_acts_gets_it(small_recipe, catalogue):
    recipe = small_recipe("fql")
    assert recipe.objective.acting_role == "student"
    acting = recipe.slot_of("student", "solver")
    changed = with_solver(recipe, catalogue, "jump:1", None)
    assert changed.chosen[acting].name == "jump"
    others = {slot: chosen for slot, chosen in recipe.chosen.items() if slot != acting}
    assert all(changed.chosen[slot] is chosen for slot, chosen in others.items())


@pytest.mark.parametrize(
    ("objective", "settings", "solver", "steps", "error", "words"),
    [
        ("bc", (), "heun:4", 5, OptionError, "steps are given twice: solver heun:4 and steps 5"),
        ("bc", (), "dopri5", 5, OptionError, "solver dopri5 has no option 'steps'"),
        ("bc", ("solver=dopri5",), None, 5, OptionError, "solver dopri5 has no option 'steps'"),
        ("bc", (), "euler:0", None, OptionError, "steps"),
        ("bc", (), "eulr", None, UnknownPartError, "did you mean 'euler'"),
        ("bc", ("backbone=gaussian", "solver=jump"), "euler:2", None, FitError, "knows its velo"),
        ("bc", ("backbone=gaussian", "solver=jump"), None, 2, FitError, "from any time"),
        ("bc", (), "jump:2", None, FitError, "jump needs a backbone that"),
    ],
)
def test_what_it_cannot_act_by_is_refused(
    objective, settings, solver, steps, error, words, small_recipe, catalogue
):
    small = {"solver.steps": 1} if "solver=jump" in settings else {}
    settings = (*settings, *(f"{k}={v}" for k, v in small.items()))
    recipe = small_recipe(objective, *settings)
    with pytest.raises(error, match=words):
        with_solver(recipe, catalogue, solver, steps)


def test_guidance_asks_for_a_solver_that_follows_a_velocity(small_recipe, catalogue):
    recipe = small_recipe("idql", "inference=guidance", "backbone=trajectory")
    with pytest.raises(FitError, match="guidance needs a solver that follows a velocity"):
        with_solver(recipe, catalogue, "jump:2", None)


def test_a_loaded_agent_acts_by_another_solver(small_recipe, make_dataset, tmp_path):
    torch.manual_seed(0)
    data = make_dataset()
    learner = Learner(small_recipe("bc"), shapes_of(data), torch.device("cpu"))
    learner.agent("policy", data, "run").save(tmp_path)
    acts = {}
    for solver in ("euler:2", "euler:200", "rk4:50"):
        agent = genpolicy.load(tmp_path, solver=solver)
        acts[solver] = agent.act(OBSERVATIONS, torch.Generator().manual_seed(1))
    exact, near, far = acts["rk4:50"], acts["euler:200"], acts["euler:2"]
    assert 0 < np.abs(near - exact).max() < np.abs(far - exact).max()
    same = genpolicy.load(tmp_path, solver="euler", steps=2)
    assert np.array_equal(same.act(OBSERVATIONS, torch.Generator().manual_seed(1)), far)
    assert Agent.load(tmp_path, steps=9).recipe.chosen["solver"].recipe.steps == 9
    assert not any(w.requires_grad for w in same.models.roles["policy"].parameters())
