from pathlib import Path

import pytest

from genpolicy.composition.layers import flatten, from_arguments, from_config
from genpolicy.errors import OptionError


def test_arguments_are_keys_and_texts() -> None:
    layer = from_arguments(
        ["backbone=flow", "dataset=npz:a=b.npz", "train.ema=0.9", "train.ema=0.5"]
    )
    assert layer.origin == "command line"
    assert layer.values == {"backbone": "flow", "dataset": "npz:a=b.npz", "train.ema": "0.5"}


@pytest.mark.parametrize("argument", ["flow", "=flow"])
def test_arguments_of_another_form_are_refused(argument: str) -> None:
    with pytest.raises(
        OptionError, match=rf"'{argument}' is not an option; options read kind\.key"
    ):
        from_arguments([argument])


def test_tables_become_dotted_keys() -> None:
    assert flatten({"seed": 3, "student": {"network": {"hidden": [8, 8]}}}) == {
        "seed": 3,
        "student.network.hidden": [8, 8],
    }


def test_a_config_is_a_layer_that_says_where_it_is_from(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('seed = 3\n[backbone]\nname = "flow"\nsigma = 0.2\n')
    layer = from_config(path)
    assert layer.origin == f"config {path}"
    assert layer.values == {"seed": 3, "backbone.name": "flow", "backbone.sigma": 0.2}


def test_a_config_that_is_missing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"config '.*none\.toml' cannot be read: No such file"):
        from_config(tmp_path / "none.toml")


def test_a_config_that_is_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="cannot be read: Is a directory"):
        from_config(tmp_path)


def test_a_config_that_is_not_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.toml"
    path.write_bytes(b"\xff\xfe\x00binary")
    with pytest.raises(OptionError, match=r"config '.*model\.toml' is not a text file in UTF-8"):
        from_config(path)


def test_a_config_that_is_not_toml_is_refused_with_the_line(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text("seed = 3\nbackbone = flow\n")
    with pytest.raises(OptionError, match=r"bad\.toml' is not valid TOML: .*line 2"):
        from_config(path)
