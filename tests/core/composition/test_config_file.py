import tomllib

import pytest

from genpolicy.composition.config_file import to_config
from genpolicy.composition.layers import from_config
from genpolicy.composition.resolve import resolve


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--", "train.ema=0.995", "train.threads=2", 'dataset=npz:a "quoted" name.npz'),
        ("--", "evaluation.name=fql", "evaluation.episodes=7", "evaluation.held_out=0.2"),
        ("--", "dataset=npz:C:\\data\\mine.npz", "backbone=diffusion"),
        ("--", "dataset=minari", "dataset.id=D4RL/x-v0", "dataset.horizon=none"),
    ],
)
def test_a_written_recipe_reads_back_to_itself(catalogue, small_recipe, tmp_path, arguments):
    recipe = small_recipe("gmpg", *arguments[1:], seed=11)
    path = tmp_path / "recipe.toml"
    path.write_text(to_config(recipe))
    again = resolve(catalogue, [from_config(path)])
    assert again.as_json() == recipe.as_json()
    assert again.hash() == recipe.hash()


def test_it_names_every_part_in_full(small_recipe):
    table = tomllib.loads(to_config(small_recipe("bc")))
    assert table["objective"]["name"] == "genpolicy/bc"
    assert table["network"] == {
        "name": "genpolicy/mlp",
        "hidden": [8],
        "time_embedding": "sinusoidal",
        "time_dim": 4,
        "time_scale": 4.0,
        "activation": "silu",
    }
    assert table["seed"] == 0
