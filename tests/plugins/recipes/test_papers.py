"""The recipes of the papers: complete, without a typo, and with the papers' own numbers."""

import math
from collections import Counter

import pytest

from genpolicy.composition.layers import Layer
from genpolicy.composition.named_recipe import read_recipe
from genpolicy.composition.resolve import resolve
from genpolicy.discovery import load_catalogue

CATALOGUE = load_catalogue()
RECIPES = {
    entry.spec.name: read_recipe(CATALOGUE, entry)
    for entry in CATALOGUE.parts("recipe")
    if "/" in entry.spec.name
}
LOCOMOTION = [
    f"{body}-{kind}"
    for body in ("halfcheetah", "hopper", "walker2d")
    for kind in ("medium", "medium-replay", "medium-expert")
]
ANTMAZE = [
    f"antmaze-{kind}"
    for kind in (
        "umaze",
        "umaze-diverse",
        "medium-play",
        "medium-diverse",
        "large-play",
        "large-diverse",
    )
]
CONTROL = [
    f"dmc-{task}"
    for task in (
        "cartpole-swingup",
        "cheetah-run",
        "finger-turn-hard",
        "fish-swim",
        "humanoid-run",
        "manipulator-insert-ball",
        "manipulator-insert-peg",
        "walker-stand",
        "walker-walk",
    )
]


def resolved(name):
    layers = [Layer("given", {"dataset": "pointmaze/umaze"})]
    return resolve(CATALOGUE, layers, recipe=name)


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_every_part_of_an_agent_is_named_by_its_recipe(name):
    slots = set(resolved(name).chosen)
    named = {slot for slot in slots if f"{slot}.name" in RECIPES[name].settings}
    assert slots - named <= {"dataset", "solver", "student.solver"}


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_every_recipe_says_where_it_is_from_and_for_which_data(name):
    recipe = RECIPES[name]
    assert "arXiv" in recipe.source
    assert recipe.departs
    assert recipe.data.startswith(("D4RL ", "RL Unplugged ", "OGBench "))
    assert recipe.objective == name.partition("/")[0]


@pytest.mark.parametrize("method", ["gmpo", "gmpg"])
def test_gmpo_and_gmpg_have_a_recipe_for_every_row_of_their_tables(method):
    tasks = [name.partition("/")[2] for name in RECIPES if name.startswith(f"{method}/")]
    assert Counter(tasks) == Counter([*LOCOMOTION, *ANTMAZE, *CONTROL])


@pytest.mark.parametrize(
    "method", ["gtp", "diffusion-ql", "consistency-ac", "idql", "qgpo", "rebrac", "iql"]
)
def test_the_other_methods_have_every_task_of_d4rl_that_they_report(method):
    tasks = {name.partition("/")[2] for name in RECIPES if name.startswith(f"{method}/")}
    assert tasks >= {*LOCOMOTION, *ANTMAZE}


def test_a_recipe_names_a_dataset_only_where_one_is_of_the_same_kind():
    for name, recipe in RECIPES.items():
        task = name.partition("/")[2]
        kind, _, published = recipe.data.rpartition(" ")
        if recipe.data.startswith("RL Unplugged"):
            assert recipe.dataset is None
        elif kind == "OGBench":
            assert recipe.dataset == f"ogbench:{published}"
        elif task in ANTMAZE:
            assert recipe.dataset == f"minari:D4RL/antmaze/{task.removeprefix('antmaze-')}-v1"
        elif task in LOCOMOTION:
            body, _, kind = task.partition("-")
            same = f"minari:mujoco/{body}/medium-v0"
            assert recipe.dataset == (same if kind == "medium" else f"d4rl:{published}")


REWARDS = {
    **dict.fromkeys(("iql", "idql", "gmpo", "gmpg", "qgpo"), ("return-range", "antmaze")),
    **dict.fromkeys(("diffusion-ql", "consistency-ac", "gtp"), ("as-is", "antmaze-cql")),
    "srpo": ("return-range", None),
    "td3-bc": ("as-is", None),
    "fql": (None, "antmaze"),
    "rebrac": ("as-is", "as-is"),
}


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_rewards_are_what_the_paper_makes_of_them_whichever_data_the_user_names(name):
    method, _, task = name.partition("/")
    locomotion, mazes = REWARDS[method]
    rule = locomotion if task in LOCOMOTION else mazes if task in ANTMAZE else "as-is"
    data = resolved(name).chosen["dataset"].recipe
    assert (data.reward, data.normalise) == (rule, method == "td3-bc")


def test_what_a_recipe_makes_of_rewards_gives_way_to_what_the_user_asks_for():
    layers = [Layer("given", {"dataset": "npz:mine.npz", "dataset.reward": "as-is"})]
    recipe = resolve(CATALOGUE, layers, recipe="iql/hopper-medium")
    assert recipe.chosen["dataset"].recipe.reward == "as-is"
    assert recipe.origins["dataset.reward"] == "given"


BATCHES = {"behaviour": "batch_size", "critic": "batch_size", "policy": "policy_batch_size"}


@pytest.mark.parametrize("name", [name for name, recipe in RECIPES.items() if recipe.epochs])
def test_steps_are_passes_over_the_data(name):
    recipe, objective = RECIPES[name], resolved(name).objective
    for stage, epochs in recipe.epochs.items():
        batch = getattr(objective, BATCHES[stage], objective.batch_size)
        steps = epochs * math.ceil(recipe.transitions / batch)
        assert getattr(objective, f"{stage}_steps") == steps, stage


def test_a_method_has_the_same_data_and_sizes_for_a_task_as_the_others():
    sizes = {}
    for recipe in RECIPES.values():
        if recipe.transitions is not None:
            assert sizes.setdefault(recipe.data, recipe.transitions) == recipe.transitions
    assert sizes["RL Unplugged humanoid run"] == 3_000_000


def test_gmpo_has_the_published_numbers():
    assert resolved("gmpo/hopper-medium-replay").objective.beta == 6.0
    medium = resolved("gmpo/hopper-medium").objective
    assert (medium.beta, medium.max_weight) == (16.0, 1000.0)
    assert (medium.critic_steps, medium.policy_steps) == (1_225_000, 2_450_000)  # 245 a pass
    assert resolved("gmpo/walker2d-medium-replay").objective.max_weight == 10_000.0
    maze = resolved("gmpo/antmaze-large-diverse")
    assert (maze.objective.beta, maze.chosen["critic"].recipe.expectile) == (4.0, 0.9)
    assert maze.chosen["backbone"].recipe.path == "gvp"
    assert resolved("gmpo/dmc-cartpole-swingup").objective.policy_steps == 1_000_000  # 10 a pass


def test_gmpg_has_the_published_numbers_in_nats():
    nats = math.log(2)
    beta = {"walker2d-medium": 1 * 6, "hopper-medium": 20 * 3, "antmaze-medium-play": 0.25 * 8}
    for task, bits in beta.items():
        assert resolved(f"gmpg/{task}").objective.beta == pytest.approx(bits * nats, rel=1e-5)
    humanoid = resolved("gmpg/dmc-humanoid-run")
    assert humanoid.objective.beta == pytest.approx(4 * 21 * nats, rel=1e-5)
    assert humanoid.chosen["backbone"].recipe.path == "gvp"
    medium = resolved("gmpg/hopper-medium")
    assert medium.objective.policy_steps == 500 * 25
    assert medium.objective.policy_learning_rate == 3e-5
    assert medium.chosen["backbone"].recipe.path == "vp"


def test_the_other_methods_have_the_published_numbers():
    q_learning = resolved("diffusion-ql/antmaze-large-play")
    assert q_learning.objective.eta == 4.5
    assert q_learning.chosen["critic"].recipe.candidates == 10
    assert q_learning.train.clip_norm == 10.0
    assert resolved("srpo/walker2d-medium-replay").objective.beta == 0.5
    assert resolved("fql/hammer-cloned").objective.alpha == 10_000.0
    assert resolved("fql/antmaze-giant-navigate").chosen["critic"].recipe.discount == 0.995
    baseline = resolved("rebrac/hopper-medium-replay")
    assert baseline.objective.actor_weight == 0.05
    assert baseline.chosen["critic"].recipe.penalty == 0.5
    assert resolved("gtp/hopper-medium").objective.steps == 2_000_000
