"""Every tracker in the suite of its kind."""

import importlib.util

import pytest

from genpolicy.discovery.catalogue import Catalogue
from genpolicy.errors import PartError
from genpolicy.testing import TrackerSuite
from genpolicy.tracker import TrackerRecipe
from genpolicy_plugins.trackers import extras
from genpolicy_plugins.trackers.csv_file import Csv
from genpolicy_plugins.trackers.mlflow_run import MLflow
from genpolicy_plugins.trackers.tensorboard_events import TensorBoard
from genpolicy_plugins.trackers.wandb_run import WandB

RECIPES = {"csv": Csv, "tensorboard": TensorBoard, "wandb": WandB, "mlflow": MLflow}


class TestEveryTracker(TrackerSuite):
    @pytest.fixture(params=RECIPES)
    def part(self, request: pytest.FixtureRequest, store: str) -> TrackerRecipe:
        name = request.param
        if name != "csv" and importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is not installed: genpolicy[{name}]")
        return MLflow(store=store) if name == "mlflow" else RECIPES[name]()


def test_every_tracker_is_tried_here(catalogue: Catalogue) -> None:
    known = {catalogue.load(part, TrackerRecipe) for part in catalogue.parts("tracker")}
    assert known == set(RECIPES.values())


@pytest.mark.parametrize("name", ["tensorboard", "wandb", "mlflow"])
def test_a_missing_package_is_told_with_its_extra(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda package: None)
    with pytest.raises(PartError) as caught:
        RECIPES[name]()
    assert str(caught.value) == (
        f"tracker {name} needs the package {name}, which is not installed: "
        f"pip install 'genpolicy[{name}]'"
    )


def test_a_folder_is_not_taken_for_a_package(
    monkeypatch: pytest.MonkeyPatch, tmp_path: pytest.TempPathFactory
) -> None:
    """wandb leaves a folder of its own name where it is used."""
    (tmp_path / "some_board").mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))
    assert importlib.util.find_spec("some_board") is not None
    with pytest.raises(PartError, match="needs the package some_board"):
        extras.require("some_board", "board")
