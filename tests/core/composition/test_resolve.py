from collections.abc import Mapping
from typing import Any

import pytest

from genpolicy.composition.agent_recipe import AgentRecipe
from genpolicy.composition.choosing import recall, split_name
from genpolicy.composition.fit import check_fit
from genpolicy.composition.layers import Layer, from_arguments
from genpolicy.composition.resolve import resolve
from genpolicy.discovery import Catalogue, load_catalogue
from genpolicy.errors import AmbiguousPartError, OptionError, UnknownPartError
from genpolicy.recipe import recipe_values


def _from(catalogue: Catalogue, *arguments: str, **lower: Mapping[str, Any]) -> AgentRecipe:
    """Resolve a command line over layers called by their names."""
    layers = [Layer(name, values) for name, values in lower.items()]
    return resolve(catalogue, [*layers, from_arguments(arguments)], recipe="none")


def _option(recipe: AgentRecipe, slot: str, name: str) -> Any:
    return recipe_values(recipe.chosen[slot].recipe)[name]


def test_without_a_word_every_part_is_the_default(fakes: Catalogue) -> None:
    recipe = _from(fakes)
    assert {slot: chosen.name for slot, chosen in recipe.chosen.items()} == {
        "dataset": "pointmaze/umaze",
        "objective": "gmpg",
        "backbone": "flow",
        "network": "temporal-spatial-residual",
        "solver": "midpoint",
        "inference": "sample",
        "critic": "iql",
    }
    assert recipe.seed == 0


def test_the_command_line_wins_over_a_config_and_that_over_defaults(fakes: Catalogue) -> None:
    config = {"backbone.sigma": 0.2, "objective.beta": 2.0, "train.ema": 0.5, "seed": 3}
    recipe = _from(fakes, "objective.beta=7", config=config)
    assert _option(recipe, "backbone", "sigma") == 0.2
    assert _option(recipe, "objective", "beta") == 7.0
    assert recipe.train.ema == 0.5
    assert recipe.seed == 3
    assert recipe.origins["backbone.sigma"] == "config"
    assert recipe.origins["objective.beta"] == "command line"
    assert recipe.origins["train.ema"] == "config"
    assert "critic.discount" not in recipe.origins


def test_a_config_wins_over_a_named_recipe(catalogue: Catalogue) -> None:
    quick = resolve(catalogue, [], recipe="quick")
    slot, name = "network", recipe_values(quick.chosen["network"].recipe)
    assert quick.origins[slot] == "recipe quick"
    mine = resolve(catalogue, [Layer("config", {"network.hidden": [7]})], recipe="quick")
    assert _option(mine, slot, "hidden") == [7]
    assert {**recipe_values(mine.chosen[slot].recipe), "hidden": None} == {**name, "hidden": None}


def test_parts_say_which_layer_chose_them(fakes: Catalogue) -> None:
    recipe = _from(fakes, "solver=rk4", config={"backbone": "diffusion"})
    assert recipe.origins["solver"] == "command line"
    assert recipe.origins["backbone"] == "config"
    assert recipe.origins["objective"] == "default"


def test_options_of_a_part_that_was_replaced_do_not_leak(fakes: Catalogue) -> None:
    lower = {"solver": "euler", "solver.steps": 3}
    assert _option(_from(fakes, config=lower), "solver", "steps") == 3
    replaced = _from(fakes, "solver=heun", config=lower)
    assert _option(replaced, "solver", "steps") == 10
    assert "solver.steps" not in replaced.origins
    back = _from(fakes, "solver=euler", config=lower)
    assert _option(back, "solver", "steps") == 3


def test_how_to_learn_from_data_is_meant_for_any_that_are_named_in_their_place() -> None:
    lower = {"dataset": "npz:a.npz", "dataset.reward": "antmaze", "dataset.horizon": 7}
    recipe = _from(load_catalogue(), "dataset=pointmaze/umaze", config=lower)
    assert _option(recipe, "dataset", "reward") == "antmaze"
    assert recipe.origins["dataset.reward"] == "config"
    assert _option(recipe, "dataset", "horizon") is None
    assert "dataset.horizon" not in recipe.origins


def test_options_go_with_a_part_under_any_of_its_names(fakes: Catalogue) -> None:
    lower = {"solver": "genpolicy/euler", "solver.steps": 3}
    assert _option(_from(fakes, "solver=euler", config=lower), "solver", "steps") == 3


def test_options_for_a_default_part_do_not_leak_into_another(fakes: Catalogue) -> None:
    recipe = _from(fakes, "backbone=diffusion", config={"backbone.sigma": 0.3})
    assert "sigma" not in recipe_values(recipe.chosen["backbone"].recipe)


def test_what_a_higher_layer_replaced_need_not_be_installed(fakes: Catalogue) -> None:
    lower = {"solver": "warp", "solver.speed": 9}
    assert _from(fakes, "solver=euler", config=lower).chosen["solver"].name == "euler"


def test_a_part_may_be_named_by_its_table(fakes: Catalogue) -> None:
    config = {"solver.name": "euler", "solver.steps": 3}
    recipe = _from(fakes, config=config)
    assert recipe.chosen["solver"].name == "euler"
    assert _option(recipe, "solver", "steps") == 3


def test_a_table_that_names_a_dataset_decides_on_its_recipe(catalogue: Catalogue) -> None:
    own = resolve(catalogue, [])
    other = resolve(catalogue, [Layer("config", {"dataset.name": "npz", "dataset.path": "a.npz"})])
    assert "recipe quick" in own.origins.values()
    assert "recipe quick" not in other.origins.values()


def test_a_backbone_brings_its_solver_unless_one_is_named(fakes: Catalogue) -> None:
    assert _from(fakes, "backbone=jumper").chosen["solver"].name == "hop"
    assert _from(fakes, "backbone=jumper", "solver=rk4").chosen["solver"].name == "rk4"


def test_a_part_may_take_what_stands_after_a_colon(fakes: Catalogue) -> None:
    recipe = _from(fakes, "dataset=npz:runs/a:b.npz")
    assert _option(recipe, "dataset", "path") == "runs/a:b.npz"


def test_a_part_without_an_argument_refuses_a_colon(fakes: Catalogue) -> None:
    with pytest.raises(
        OptionError, match="backbone flow takes nothing after a colon; got 'flow:9'"
    ):
        _from(fakes, "backbone=flow:9")


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("flow", ("flow", None)),
        ("npz:a:b", ("npz", "a:b")),
        ("npz:", ("npz", "")),
        ("file:mine/flow", ("file:mine/flow", None)),
        ("file:mine/data:a.npz", ("file:mine/data", "a.npz")),
    ],
)
def test_names_are_split_at_the_colon_that_is_not_theirs(
    name: str, parts: tuple[str, str | None]
) -> None:
    assert split_name(name) == parts


@pytest.mark.parametrize(
    ("argument", "sentence"),
    [
        ("backbone.sigmaa=1", "backbone flow has no option 'sigmaa'; did you mean 'sigma'?"),
        ("train.emma=1", "train has no option 'emma'; did you mean 'ema'?"),
        ("evaluation.episode=1", "evaluation has no option 'episode'; did you mean 'episodes'?"),
        ("backbon=flow", "there is no kind 'backbon'; did you mean 'backbone'?"),
        ("bakbone.sigma=1", "command line: there is no kind 'bakbone'; did you mean 'backbone'?"),
        (
            "behavior.network.hidden=8",
            "gmpg has no place for 'behavior.network'; did you mean 'behaviour.network'?",
        ),
        ("policy.backbone=flow", "gmpg has no place for 'policy.backbone'"),
        ("backbone.sigma=wide", "option 'sigma' of backbone flow takes a number; got 'wide'"),
        ("backbone.sigma=-1", "backbone flow: 'sigma' must be >= 0: -1.0"),
        ("seed=one", "seed takes a whole number; got 'one'"),
    ],
)
def test_what_is_unknown_or_unfit_is_refused_with_what_would_do(
    argument: str, sentence: str, fakes: Catalogue
) -> None:
    with pytest.raises(OptionError) as caught:
        _from(fakes, argument)
    assert sentence in str(caught.value)


def test_unknown_parts_are_refused_with_the_nearest_name(fakes: Catalogue) -> None:
    with pytest.raises(UnknownPartError, match=r"solver 'eulr'; did you mean 'euler'\?"):
        _from(fakes, "solver=eulr")


def test_a_part_must_be_named_by_a_text(fakes: Catalogue) -> None:
    with pytest.raises(OptionError, match="solver names a part; got 3"):
        _from(fakes, config={"solver": 3})
    assert _from(fakes, "solver=euler", config={"solver": 3}).chosen["solver"].name == "euler"


@pytest.mark.parametrize("argument", ["critic=iql", "critic.discount=0.9"])
def test_a_critic_that_nobody_uses_is_refused(argument: str, fakes: Catalogue) -> None:
    with pytest.raises(OptionError, match="bc uses no critic; leave it out"):
        _from(fakes, "objective=bc", argument)


def test_a_default_critic_that_nobody_uses_is_left_out(fakes: Catalogue) -> None:
    assert "critic" not in _from(fakes, "objective=bc").chosen


def test_a_seed_that_is_given_wins_over_settings(fakes: Catalogue) -> None:
    assert resolve(fakes, [Layer("config", {"seed": 3})], recipe="none", seed=5).seed == 5


def test_a_role_shares_with_the_policy_what_it_does_not_name(fakes: Catalogue) -> None:
    recipe = _from(fakes, "behaviour.solver=rk4")
    assert recipe.slot_of("behaviour", "solver") == "behaviour.solver"
    assert recipe.slot_of("behaviour", "backbone") == "backbone"


def test_a_role_may_set_an_option_of_a_part_like_the_policys(fakes: Catalogue) -> None:
    recipe = _from(fakes, "network=mlp", "behaviour.network.hidden=8,8")
    assert recipe.chosen["behaviour.network"].name == "mlp"
    assert _option(recipe, "behaviour.network", "hidden") == [8, 8]
    assert _option(recipe, "network", "hidden") == [256, 256, 256]


def test_a_role_that_cannot_be_like_the_policy_gets_its_own_backbone(fakes: Catalogue) -> None:
    recipe = _from(fakes, "objective=distilled")
    assert recipe.chosen["student.backbone"].name == "jumper"
    assert recipe.chosen["student.solver"].name == "hop"
    assert recipe.chosen["backbone"].name == "flow"


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("objective=bc", "backbone=diffusion", "backbone.path=gvp", "solver=dopri5"),
        ("objective=distilled", "student.network=mlp", "student.network.hidden=8"),
        ("backbone=jumper", "objective=gmpo", "dataset=npz:a.npz"),
    ],
)
def test_a_recipe_written_as_json_is_recalled_with_the_same_hash(
    arguments: tuple[str, ...], fakes: Catalogue
) -> None:
    recipe = _from(fakes, *arguments, "seed=4")
    recalled = recall(fakes, recipe.as_json())
    assert recalled.as_json() == recipe.as_json()
    assert recalled.hash() == recipe.hash()
    assert recalled.chosen == recalled.chosen
    assert {k: c.recipe for k, c in recalled.chosen.items()} == {
        k: c.recipe for k, c in recipe.chosen.items()
    }


def test_the_hash_is_of_everything_but_the_seed(fakes: Catalogue) -> None:
    one, same = _from(fakes, "seed=1"), _from(fakes, "seed=2")
    other = _from(fakes, "seed=1", "backbone.sigma=0.2")
    assert one.hash() == same.hash()
    assert one.hash() != other.hash()


def test_a_recalled_recipe_says_which_plugin_is_missing(
    fakes: Catalogue, catalogue: Catalogue
) -> None:
    facts = _from(fakes, "backbone=jumper").as_json()
    with pytest.raises(UnknownPartError, match="backbone 'fakes/jumper' needs the plugin fakes"):
        recall(catalogue, facts)


def test_a_recalled_recipe_says_which_option_is_gone(fakes: Catalogue) -> None:
    facts = _from(fakes).as_json()
    facts["parts"]["backbone"]["options"]["width"] = 3
    with pytest.raises(OptionError, match="backbone flow has no option 'width'"):
        recall(fakes, facts)


def test_parts_are_recorded_with_their_origin_and_options(fakes: Catalogue) -> None:
    records = {record.slot: record for record in _from(fakes, "backbone=jumper").part_records()}
    assert records["backbone"].name == "fakes/jumper"
    assert records["backbone"].distribution == "fakes"
    assert records["backbone"].options == {"stretch": 1.0}
    assert len(records["backbone"].source_hash) == 64
    assert records["critic"].kind == "critic"


def test_a_role_is_like_the_policy_even_where_the_bare_name_is_contested() -> None:
    import genpolicy_plugins.plugin
    from genpolicy import PartSpec, hookimpl

    class Twin:
        @hookimpl
        def genpolicy_networks(self) -> list[PartSpec]:
            target = "genpolicy_plugins.networks.mlp:MLP"
            return [PartSpec(name="perceptron", summary="a test", target=target)]

    catalogue = Catalogue.from_plugins(
        {"genpolicy": genpolicy_plugins.plugin, "one": Twin(), "two": Twin()}
    )
    with pytest.raises(AmbiguousPartError):
        _from(catalogue, "network=perceptron")
    recipe = _from(catalogue, "network=two/perceptron", "behaviour.network.hidden=8")
    assert recipe.chosen["behaviour.network"].entry.full_name == "two/perceptron"


def test_a_recipes_options_reach_the_objective_that_only_the_user_names():
    catalogue = load_catalogue()
    recipe = resolve(catalogue, [Layer("asked", {"objective": "gmpo"})], recipe="quick")
    assert recipe.origins["objective"] == "asked"
    assert recipe.origins["objective.critic_steps"] == "recipe quick"


def test_a_role_with_one_option_of_its_own_keeps_the_policys_others():
    asked = {"network.hidden": "8,8,8", "behaviour.network.activation": "tanh"}
    layer = Layer("asked", {"objective": "gmpg", "network": "mlp", **asked})
    recipe = resolve(load_catalogue(), [layer], recipe="none")
    options = recipe.as_json()["parts"]["behaviour.network"]["options"]
    assert options["hidden"] == [8, 8, 8]
    assert options["activation"] == "tanh"


def test_an_objective_that_needs_an_ode_solver_gets_one_where_the_backbone_has_a_velocity(
    catalogue: Catalogue,
) -> None:
    def solver(*arguments: str) -> str:
        layer = from_arguments(arguments)
        return resolve(catalogue, [layer], recipe="none").chosen["solver"].name

    assert solver("objective=bc", "backbone=trajectory") == "jump"
    assert solver("objective=gmpg", "backbone=trajectory") == "midpoint"
    assert solver("objective=gmpg", "backbone=trajectory", "solver=jump") == "jump"
    assert solver("objective=gmpg", "backbone=one-step") == "jump"


def test_an_objective_brings_the_parts_that_it_is_known_with(fakes: Catalogue) -> None:
    recipe = _from(fakes, "objective=opinionated")
    assert {slot: chosen.name for slot, chosen in recipe.chosen.items()} == {
        "dataset": "pointmaze/umaze",
        "objective": "opinionated",
        "backbone": "diffusion",
        "network": "mlp",
        "solver": "dpm-solver++",
        "inference": "best",
        "critic": "iql",
        "student.backbone": "jumper",
        "student.solver": "hop",
    }
    assert _option(recipe, "backbone", "path") == "gvp"
    assert _option(recipe, "network", "hidden") == [16, 16]
    assert _option(recipe, "solver", "steps") == 3
    assert _option(recipe, "critic", "expectile") == 0.9
    assert _option(recipe, "student.backbone", "stretch") == 2.0
    assert recipe.train.clip_norm == 2.5


def test_what_an_objective_brings_is_shown_as_its_own(fakes: Catalogue) -> None:
    origins = _from(fakes, "objective=opinionated", "critic.discount=0.9").origins
    own = (
        *("backbone", "backbone.path", "solver", "solver.steps", "network", "network.hidden"),
        *("critic", "critic.expectile", "inference", "student.backbone", "train.clip_norm"),
        "student.backbone.stretch",
    )
    assert {origins[key] for key in own} == {"objective opinionated"}
    assert origins["objective"] == origins["critic.discount"] == "command line"
    assert origins["dataset"] == "default"


def test_the_user_wins_over_what_an_objective_brings(fakes: Catalogue) -> None:
    config = {"network.hidden": [4], "train.clip_norm": 0.0, "critic.expectile": 0.5}
    recipe = _from(fakes, "objective=opinionated", "backbone.path=vp", config=config)
    assert _option(recipe, "network", "hidden") == [4]
    assert _option(recipe, "critic", "expectile") == 0.5
    assert _option(recipe, "backbone", "path") == "vp"
    assert _option(recipe, "backbone", "head") == "denoiser"
    assert recipe.train.clip_norm == 0.0
    assert recipe.origins["train.clip_norm"] == "config"


def test_a_named_recipe_wins_over_what_an_objective_brings(catalogue: Catalogue) -> None:
    """IDQL is known with a residual network; the quick one is a plain one."""
    asked = [from_arguments(["objective=idql"])]
    bare = resolve(catalogue, asked, recipe="none")
    quick = resolve(catalogue, asked, recipe="quick")
    assert bare.chosen["network"].name == "residual-mlp"
    assert bare.origins["network"] == "objective idql"
    assert quick.chosen["network"].name == "mlp"
    assert quick.origins["network"] == "recipe quick"
    assert quick.origins["backbone"] == "objective idql"


def test_options_of_parts_that_were_dropped_do_not_leak(fakes: Catalogue) -> None:
    recipe = _from(
        fakes,
        "objective=opinionated",
        *("backbone=flow", "network=residual-mlp", "critic=blunt", "inference=sample"),
        *("student.backbone=flow", "solver=euler"),
    )
    assert recipe.chosen["student.backbone"].name == "flow"
    kept = {key for key, origin in recipe.origins.items() if origin == "objective opinionated"}
    assert kept == {"train.clip_norm"}
    plain = _from(fakes, "solver=euler")
    assert _option(recipe, "solver", "steps") == _option(plain, "solver", "steps") != 3


def test_another_objective_brings_nothing_of_this_one(fakes: Catalogue) -> None:
    config = {"objective": "opinionated", "objective.beta": 2.0}
    recipe = _from(fakes, "objective=gmpo", config=config)
    assert recipe.chosen["backbone"].name == "flow"
    assert "objective opinionated" not in recipe.origins.values()
    assert _option(recipe, "objective", "beta") == 1.0


def test_an_objective_named_by_a_lower_layer_or_its_table_brings_its_parts(
    fakes: Catalogue,
) -> None:
    for key in ("objective", "objective.name"):
        assert _from(fakes, config={key: "opinionated"}).chosen["backbone"].name == "diffusion"


def test_a_backbone_that_the_objectives_solver_can_serve_keeps_it(fakes: Catalogue) -> None:
    kept = _from(fakes, "objective=opinionated", "backbone=flow")
    assert kept.chosen["solver"].name == "dpm-solver++"
    assert kept.origins["solver"] == "objective opinionated"
    assert _option(kept, "solver", "steps") == 3


def test_a_backbone_that_it_cannot_serve_brings_its_own_and_no_options_of_the_other(
    fakes: Catalogue,
) -> None:
    recipe = _from(fakes, "objective=opinionated", "backbone=consistency")
    assert recipe.chosen["solver"].name == "jump"
    assert _option(recipe, "solver", "steps") == 2
    assert recipe.origins["solver"] == "default"
    assert "objective opinionated" not in {
        origin for key, origin in recipe.origins.items() if key.startswith("solver")
    }


def test_options_beside_a_new_backbone_are_meant_for_the_solver_that_comes_with_it(
    fakes: Catalogue,
) -> None:
    beside = _from(fakes, "objective=opinionated", "backbone=consistency", "solver.steps=5")
    assert _option(beside, "solver", "steps") == 5
    assert beside.origins["solver.steps"] == "command line"
    lower = {"solver": "rk4", "solver.steps": 7}
    below = _from(fakes, "objective=bc", "backbone=consistency", config=lower)
    assert _option(below, "solver", "steps") == 2
    assert below.origins["solver.steps"] == "default"


def test_a_solver_that_is_named_for_a_backbone_stays_though_it_cannot_serve_it(
    fakes: Catalogue,
) -> None:
    """The fit is refused in words later on; nothing that is asked for is dropped in silence."""
    recipe = _from(fakes, "objective=opinionated", "backbone=consistency", "solver=euler")
    assert recipe.chosen["solver"].name == "euler"
    recipe = _from(fakes, "solver=euler", config={"objective": "bc", "backbone": "consistency"})
    assert recipe.chosen["solver"].name == "euler"


@pytest.mark.parametrize(
    ("arguments", "steps", "origin"),
    [
        (("solver=rk4:7",), 7, "command line"),
        (("solver=rk4:7", "solver.steps=9"), 9, "command line"),
        (("solver.steps=9",), 9, "command line"),
        (("solver=rk4",), 3, "config"),
    ],
)
def test_what_stands_after_a_colon_is_an_option_of_the_layer_that_names_the_part(
    arguments: tuple[str, ...], steps: int, origin: str, fakes: Catalogue
) -> None:
    recipe = _from(fakes, *arguments, config={"solver": "rk4", "solver.steps": 3})
    assert _option(recipe, "solver", "steps") == steps
    assert recipe.origins["solver.steps"] == origin


@pytest.mark.parametrize("recipe", ["none", "quick"])
def test_every_objective_fits_with_the_parts_that_it_brings(
    recipe: str, catalogue: Catalogue
) -> None:
    for part in catalogue.parts("objective"):
        asked = from_arguments([f"objective={part.spec.name}"])
        check_fit(resolve(catalogue, [asked], recipe=recipe), catalogue)
