"""``agent recipes``, and runs that start from one."""

import re
from pathlib import Path

RECIPES = """
summary = "drifting"
source = "a paper of ours"
[settings]
objective.name = "jumpy"
[tasks.pond]
data = "the pond"
settings.dataset = "npz:pond.npz"
"""

PLUGIN = """
from genpolicy import hookimpl, recipe_specs

@hookimpl
def genpolicy_recipes():
    return recipe_specs("drift")
"""


def names(done):
    return [recipe["name"] for recipe in done.json]


def test_the_table_shows_the_same_recipes_as_its_json(agent):
    table, facts = agent("recipes"), agent("recipes", "--json").json
    assert table.status == 0
    assert {"quick", "gmpo/hopper-medium", "gmpg/dmc-fish-swim"} <= {fact["name"] for fact in facts}
    for fact in facts:
        assert fact["name"] in table.out
        assert fact["data"] in table.out


def test_recipes_can_be_those_of_one_task_by_any_of_its_names(agent):
    by_task = names(agent("recipes", "--dataset", "hopper-medium", "--json"))
    assert "gmpo/hopper-medium" in by_task
    assert "gmpo/hopper-medium-replay" not in by_task
    for name in (
        "minari:mujoco/hopper/medium-v0",
        "d4rl:hopper-medium-v2",
        "D4RL hopper-medium-v2",
        "hopper-medium-v2",
    ):
        assert names(agent("recipes", "--dataset", name, "--json")) == by_task
    mazes = names(agent("recipes", "--dataset", "minari:D4RL/antmaze/*", "--json"))
    assert "gmpg/antmaze-umaze" in mazes
    assert "gmpg/hopper-medium" not in mazes


def test_recipes_can_be_those_with_one_objective(agent):
    found = names(agent("recipes", "--objective", "gmpo", "--json"))
    assert {"quick", "gmpo/hopper-medium"} <= set(found)
    assert not [name for name in found if name.startswith("gmpg/")]
    both = ("--objective", "gmpg", "--dataset", "hopper-medium")
    assert names(agent("recipes", *both, "--json")) == ["gmpg/hopper-medium"]


def test_what_no_recipe_is_for_is_refused_with_the_nearest(agent):
    dataset = agent("recipes", "--dataset", "hoper-medium")
    assert dataset.status == 2
    assert "no recipe is for the dataset 'hoper-medium'; did you mean 'hopper-medium'?" in (
        dataset.err
    )
    objective = agent("recipes", "--objective", "gmpx")
    assert objective.status == 2
    assert "no recipe is for the objective 'gmpx'; did you mean" in objective.err


def test_info_tells_what_a_recipe_sets_where_it_is_from_and_what_it_departs_in(agent):
    done = agent("info", "recipe", "gmpg/hopper-medium")
    assert done.status == 0
    assert "D4RL hopper-medium-v2" in done.out
    assert "arXiv 2412.01245" in done.out
    assert "in nats" in done.out
    assert "objective.beta = 41.58883" in done.out
    assert "from passes over 999,906 transitions: 2,000 of behaviour" in done.out
    assert "objective.beta = 8.0" not in done.out  # no other task's
    facts = agent("info", "recipe", "gmpg/hopper-medium", "--json").json
    assert facts["settings"]["objective.policy_steps"] == 12_500
    assert facts["dataset"] == "minari:mujoco/hopper/medium-v0"
    assert "none: name yours" in agent("info", "recipe", "gmpg/dmc-fish-swim").out


def test_a_run_starts_from_a_recipe(agent):
    plan = agent("run", "--recipe", "gmpo/hopper-medium", "--dry-run", "--json").json
    assert plan["recipe"] == "gmpo/hopper-medium"
    values = {(s["slot"], s["option"]): (s["value"], s["origin"]) for s in plan["settings"]}
    assert values["objective", "beta"] == (16.0, "recipe gmpo/hopper-medium")
    assert values["dataset", "id"] == ("mujoco/hopper/medium-v0", "recipe gmpo/hopper-medium")
    flow = ("run", "--recipe", "gmpo/hopper-medium", "--backbone", "flow", "--dry-run", "--json")
    parts = {s["slot"]: s["part"] for s in agent(*flow).json["settings"]}
    assert (parts["backbone"], parts["solver"]) == ("genpolicy/flow", "genpolicy/euler")


def test_a_recipe_for_data_that_cannot_be_had_asks_for_a_dataset(agent):
    done = agent("run", "--recipe", "gmpo/dmc-fish-swim")
    assert done.status == 2
    assert "recipe gmpo/dmc-fish-swim names no dataset: its settings are for RL Unplugged fish" in (
        done.err
    )
    assert "--dataset" in done.err


def test_a_distribution_brings_recipes_of_its_own(agent, drift):
    (drift.plugin.parent / "pond.toml").write_text(RECIPES)
    drift.change(drift.plugin, PLUGIN)
    assert names(agent("recipes", "--dataset", "npz:pond.npz", "--json")) == ["pond/pond"]
    assert "a paper of ours" in agent("info", "recipe", "pond/pond").out


def test_the_recipes_in_the_documentation_run_as_printed(agent, drift):
    page = (Path(__file__).parents[2] / "docs" / "recipes.md").read_text()
    (text,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (drift.plugin.parent / "drift.toml").write_text(text)
    drift.change(drift.plugin, code.replace("genpolicy_drift.recipes", "drift"))
    for task, beta in (("umaze", 5.0), ("medium", 2.0)):
        plan = agent("run", "--recipe", f"drift/{task}", "--dry-run", "--json").json
        values = {(s["slot"], s["option"]): s["value"] for s in plan["settings"]}
        assert values["dataset", None] == f"genpolicy/pointmaze/{task}"
        assert values["objective", "beta"] == beta


def test_the_doctor_reads_every_recipe(agent, drift):
    (drift.plugin.parent / "pond.toml").write_text(RECIPES.replace("data =", "datum ="))
    drift.change(drift.plugin, PLUGIN)
    done = agent("plugins", "doctor")
    assert done.status == 3
    assert "recipe genpolicy-drift/pond/pond is broken:" in done.out
    assert "has no place for 'datum'" in done.out


def test_recipes_are_offered(agent, monkeypatch):
    monkeypatch.setenv("_AGENT_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "agent run --recipe gmpo/hopper-medium-r")
    monkeypatch.setenv("COMP_CWORD", "3")
    assert agent().out.split() == ["gmpo/hopper-medium-replay"]
