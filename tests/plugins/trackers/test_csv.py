"""The file that the tracker ``csv`` writes."""

import csv
import math
from pathlib import Path

import pytest

from genpolicy.errors import RunError
from genpolicy.records import RunStart
from genpolicy_plugins.trackers.csv_file import Csv


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def path(run: RunStart) -> Path:
    return Path(run.directory) / "metrics.csv"


def test_a_file_has_a_row_per_number(tell, path: Path) -> None:
    tell(Csv())
    rows = read(path)
    assert rows[0] == {"step": "100", "stage": "policy", "name": "policy/loss", "value": "0.1"}
    assert math.isnan(float(rows[1]["value"]))
    assert [float(row["value"]) for row in rows if row["name"] == "policy/loss"] == [
        0.1, 0.2, 0.3, 0.4,
    ]  # fmt: skip
    assert {row["name"]: float(row["value"]) for row in rows}["evaluation/score"] == 25.0


def test_rows_are_there_before_the_run_ends(tell, path: Path) -> None:
    tell(Csv(), last=200, state=None)
    assert [row["step"] for row in read(path)] == ["100", "100", "200", "200"]


def test_a_run_that_goes_on_leaves_the_file_of_an_uninterrupted_one(tell, path: Path) -> None:
    tell(Csv(path="whole.csv"))
    tell(Csv(), last=300, state=None)
    with path.open("a") as file:
        file.write("300,policy,policy/lo")  # the disk was full
    tell(Csv(), first=200)
    assert path.read_text() == (path.parent / "whole.csv").read_text()


def test_a_score_that_is_told_again_is_not_there_twice(tell, path: Path) -> None:
    tell(Csv())
    before = path.read_text()
    tell(Csv(), first=400)
    assert path.read_text() == before


def test_a_path_may_lead_elsewhere(tell, run: RunStart, tmp_path: Path) -> None:
    tell(Csv(path=str(tmp_path / "all" / "{run}.csv")))
    assert len(read(tmp_path / "all" / f"{run.id}.csv")) == 12
    assert not (Path(run.directory) / "metrics.csv").exists()


def test_a_file_that_may_be_another_runs_is_left_alone(tell, tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("mine\n")
    with pytest.raises(RunError) as caught:
        tell(Csv(path=str(path)))
    assert str(caught.value) == (
        f"{str(path)!r} exists and may be another run's; put {{run}} into tracker.csv.path"
    )
    assert path.read_text() == "mine\n"
