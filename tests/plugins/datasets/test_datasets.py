"""Every dataset of ours passes the suite, those that need a file or an id with one made here."""

from pathlib import Path

import attrs
import pytest

from genpolicy.dataset import Dataset, DatasetRecipe
from genpolicy.making import make_at_once
from genpolicy.testing import DatasetSuite
from genpolicy.testing.companions import companion
from genpolicy_plugins.datasets.mazes import LARGE, MEDIUM
from genpolicy_plugins.datasets.minari import Minari
from genpolicy_plugins.datasets.npz import Npz
from genpolicy_plugins.datasets.ogbench import OGBench
from genpolicy_plugins.datasets.ogbench_making import OGBenchMaker
from genpolicy_plugins.datasets.pointmaze import Large, Medium

COMPLETE = (
    "pointmaze/umaze",
    "random",
    "toy/eight-gaussians",
    "toy/two-moons",
    "toy/pinwheel",
    "toy/checkerboard",
    "bandit/quadratic",
    "bandit/multi-peak",
)


class TestDatasetsThatNeedNothing(DatasetSuite):
    @pytest.fixture(params=COMPLETE)
    def part(self, request: pytest.FixtureRequest) -> DatasetRecipe:
        return companion("dataset", request.param)


class TestMazesThatAreMadeOnFirstUse(DatasetSuite):
    @pytest.fixture(params=[(Medium, MEDIUM), (Large, LARGE)], ids=["medium", "large"])
    def part(
        self,
        request: pytest.FixtureRequest,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> DatasetRecipe:
        recipe, maze = request.param
        monkeypatch.setattr(recipe, "maze", attrs.evolve(maze, transitions=300))
        monkeypatch.setenv("AGENT_CACHE", str(tmp_path))
        return recipe()


class TestOnesOwnFile(DatasetSuite):
    @pytest.fixture
    def part(self, small: Dataset, tmp_path: Path) -> DatasetRecipe:
        npz = Npz(path=str(tmp_path / "mine.npz"))
        npz.write(small)
        return npz


@pytest.mark.filterwarnings("ignore::UserWarning")
class TestMinari(DatasetSuite):
    @pytest.fixture
    def part(
        self, small: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> DatasetRecipe:
        monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
        part = Minari(id="pointmaze/umaze-v0")
        part.write(small)
        return part


class TestOGBench(DatasetSuite):
    @pytest.fixture
    def part(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DatasetRecipe:
        monkeypatch.setenv("AGENT_CACHE", str(tmp_path / "cache"))
        part = OGBench(name="pointmaze-medium-navigate-v0", path=str(tmp_path / "x.npz"))
        maker = part.maker()
        assert isinstance(maker, OGBenchMaker)
        maker = attrs.evolve(maker, episode=50)
        maker.write(make_at_once(maker, transitions=300), tmp_path / "x.npz")
        return part
