"""``agent list``, ``info``, ``fits`` and ``plugins``."""

import re

import pytest


def test_the_listing_shows_the_same_parts_as_its_json(agent):
    table, facts = agent("list"), agent("list", "--json").json
    recipes = agent("list", "recipe")
    assert table.status == recipes.status == 0
    assert {"backbone", "solver", "dataset", "recipe"} <= {fact["kind"] for fact in facts}
    for fact in facts:
        shown = recipes if fact["kind"] == "recipe" else table
        assert fact["name"] in shown.out
        assert fact["summary"] in shown.out


def test_a_listing_can_be_of_one_kind(agent):
    facts = agent("list", "solver", "--json").json
    assert {fact["kind"] for fact in facts} == {"solver"}
    assert "midpoint" in [fact["name"] for fact in facts]


def test_an_unknown_kind_is_refused(agent):
    done = agent("list", "solvers")
    assert done.status == 2
    assert "there is no kind of part called 'solvers'; did you mean 'solver'?" in done.err


def test_info_tells_options_needs_and_abilities(agent):
    objective = agent("info", "objective", "gmpg")
    assert objective.status == 0
    assert "inverse temperature" in objective.out
    assert "policy that knows its velocity (VelocityBackbone)" in objective.out
    assert "genpolicy/gmpg" in objective.out
    backbone = agent("info", "backbone", "flow", "--json").json
    assert backbone["abilities"][0] == "travels on a known Gaussian path (GaussianPathBackbone)"
    (sigma,) = [option for option in backbone["options"] if option["name"] == "sigma"]
    assert sigma["default"] == 0.1
    assert sigma["type"] == "a number"
    assert backbone["file"].endswith("flow.py")


@pytest.mark.parametrize(
    "kind", ["backbone", "network", "objective", "critic", "solver", "inference", "dataset"]
)
def test_every_part_can_be_told_about(agent, kind):
    for fact in agent("list", kind, "--json").json:
        done = agent("info", kind, fact["name"])
        assert done.status == 0, done.err
        assert fact["full_name"] in done.out


def test_info_shows_the_text_of_a_named_recipe(agent):
    done = agent("info", "recipe", "quick")
    assert "[settings]" in done.out


def test_info_of_an_unknown_part_names_the_nearest(agent):
    done = agent("info", "backbone", "flo")
    assert done.status == 3
    assert "did you mean 'flow'?" in done.err


@pytest.mark.parametrize(
    ("recipe", "hint"),
    [
        ("gmpo/hoper-medium", "; did you mean 'gmpo/hopper-medium'?"),
        ("gmpo/pen-human", "; of 'gmpo' there are: antmaze-large-diverse, "),
        ("gmppo/hopper-medium", "; did you mean 'gmpo/hopper-medium'?"),
        ("dql/hopper-medium", "; did you mean 'diffusion-ql/hopper-medium'?"),
        ("quick/hopper", "; 'quick' is of no group; did you mean 'quick'?"),
        ("edp/hopper-medium", "; there is none of 'edp'; there are: bandits, locomotion, quick, "),
    ],
)
def test_a_name_of_a_group_is_looked_for_in_its_group(agent, recipe, hint):
    done = agent("run", "--recipe", recipe, "--dry-run")
    assert done.status == 3
    assert f"no installed plugin provides recipe {recipe!r}{hint}" in done.err


@pytest.mark.parametrize(
    ("dataset", "meant"), [("minari/hopper", "minari:hopper"), ("D4RL/x", "d4rl:x")]
)
def test_a_dataset_of_a_family_is_named_with_a_colon(agent, dataset, meant):
    assert f"did you mean '{meant}'?" in agent("run", "--dataset", dataset, "--dry-run").err


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("dql", "diffusion-ql"),
        ("ofql", "mean-flow-ql"),
        ("bfq", "bidirectional-ql"),
        ("sorl", "shortcut-ql"),
    ],
)
def test_a_method_goes_by_its_papers_name_too(agent, alias, name):
    assert agent("info", "objective", alias, "--json").json["name"] == name


def test_a_methods_recipes_are_one_row_of_the_whole_list(agent):
    done = agent("list")
    assert re.search(r"recipe +gmpo/… +for 24 tasks; `agent recipes` lists them", done.out)
    assert "gmpo/hopper-medium" not in done.out
    assert re.search(r"recipe +quick ", done.out)
    assert "gmpo/hopper-medium" in agent("list", "recipe").out
    assert "gmpo/hopper-medium" in {part["name"] for part in agent("list", "--json").json}


def test_info_tells_formula_source_and_what_differs(agent):
    about = agent("info", "objective", "gmpo", "--json").json["about"]
    assert about.startswith("Generative model policy optimisation: advantage-weighted matching.\n")
    assert "arXiv 2412.01245" in about
    assert "L = E_{(s,a)~D}[ min(" in agent("info", "objective", "gmpo").out


def test_fits_shows_reasons_under_a_table(agent, drift):
    done = agent("fits")
    assert done.status == 0
    assert "objective by backbone" in done.out
    assert "✓" in done.out
    reasons = done.out.replace("\n", " ")
    assert re.search(r"\d  jumpy needs a backbone that jumps from any time to a later one", reasons)


def test_fits_keeps_what_is_named_and_shows_the_rest(agent):
    facts = agent("fits", "--objective", "gmpg", "--backbone", "flow", "--json").json
    assert facts["axes"] == ["solver", "critic"]
    fits = {(cell["solver"], cell["critic"]): cell["fits"] for cell in facts["combinations"]}
    assert fits["rk4", "iql"]
    assert not fits["rk4", "double-q"]
    assert not fits["ddim", "iql"]
    assert all(cell["fits"] is (cell["problems"] == []) for cell in facts["combinations"])


def test_fits_refuses_a_part_that_is_not_there(agent):
    done = agent("fits", "--solver", "rk5")
    assert done.status == 3
    assert "did you mean 'rk4'?" in done.err


def test_plugins_are_listed_with_what_they_cost(agent, drift):
    done = agent("plugins", "list")
    assert "3 objectives" in done.out
    facts = {fact["distribution"]: fact for fact in agent("plugins", "list", "--json").json}
    assert facts["genpolicy"]["state"] == "ok"
    assert facts["genpolicy"]["heavy_modules"] == []
    assert facts["genpolicy-drift"]["entry_point"] == "parts"
    assert facts["genpolicy-drift"]["api_versions"] == [1]


def test_the_doctor_finds_nothing_wrong_with_what_works(agent, drift):
    done = agent("plugins", "doctor")
    assert done.status == 0, done.out + done.err
    assert "all well" in done.out


def test_a_broken_plugin_is_one_line_for_others_and_a_traceback_for_the_doctor(agent, drift):
    drift.change(drift.plugin, "import a_module_that_is_not_there\n")
    listing = agent("list", "--json")
    assert listing.status == 0
    assert listing.json
    (line,) = listing.err.splitlines()
    assert line.startswith("warning: plugin genpolicy-drift 1.0 failed to load")
    assert line.endswith("see `agent plugins doctor`")
    doctor = agent("plugins", "doctor")
    assert doctor.status == 3
    assert "ModuleNotFoundError: No module named 'a_module_that_is_not_there'" in doctor.out
    assert "error: plugins with problems: genpolicy-drift" in doctor.err
    states = {p["distribution"]: p["state"] for p in agent("plugins", "list", "--json").json}
    assert states == {"genpolicy": "ok", "genpolicy-drift": "broken"}


def test_a_part_of_a_broken_plugin_is_refused_with_the_reason(agent, drift):
    drift.change(drift.plugin, "import a_module_that_is_not_there\n")
    done = agent("run", "--objective", "genpolicy-drift/faulty")
    assert done.status == 3
    assert "genpolicy-drift" in done.err
    assert "a_module_that_is_not_there" in done.err


def test_the_doctor_loads_every_part(agent, drift):
    drift.change(drift.parts, "import a_module_that_is_not_there\n")
    done = agent("plugins", "doctor")
    assert done.status == 3
    assert "objective genpolicy-drift/jumpy is broken:" in done.out
    assert "ModuleNotFoundError: No module named 'a_module_that_is_not_there'" in done.out
    assert "error: plugins with problems: genpolicy-drift" in done.err
