"""The suite of trackers catches trackers that are broken, one by one, and says how."""

import json
import random
from collections.abc import Mapping
from pathlib import Path

import attrs
import pytest

from genpolicy.observer import Observer
from genpolicy.records import EvaluationRecord, MetricsRecord, RunStart, RunState
from genpolicy.testing import TrackerSuite
from genpolicy.tracker import TrackerRecipe


class Lines(Observer):
    """Writes a line per record into a file."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def on_metrics(self, record: MetricsRecord) -> None:
        with self.file.open("a") as lines:
            lines.write(f"{record.step} {dict(record.values)}\n")

    def on_evaluation(self, record: EvaluationRecord) -> None:
        self.on_metrics(
            MetricsRecord(stage="", step=record.step, values={"return": record.return_.mean})
        )


@attrs.frozen(kw_only=True)
class Honest(TrackerRecipe):
    def open(self, run: RunStart) -> Observer:
        return Lines(Path(run.directory) / "lines.txt")


class Strict(Lines):
    def on_metrics(self, record: MetricsRecord) -> None:
        json.dumps(dict(record.values), allow_nan=False)


class Proud(Lines):
    def on_evaluation(self, record: EvaluationRecord) -> None:
        assert record.success is not None, "success must be known"


class Loud(Lines):
    def on_metrics(self, record: MetricsRecord) -> None:
        print("step", record.step)


class Random(Lines):
    def on_metrics(self, record: MetricsRecord) -> None:
        random.random()


class Straight(Lines):
    """Wants steps that only ever grow."""

    def on_metrics(self, record: MetricsRecord) -> None:
        last = int(self.file.read_text()) if self.file.exists() else 0
        assert record.step > last, f"step {record.step} comes after step {last}"
        self.file.write_text(str(record.step))

    def on_evaluation(self, record: EvaluationRecord) -> None:
        pass


class Opening(TrackerRecipe):
    """Opens an observer of a class."""

    observer: type[Lines]

    def open(self, run: RunStart) -> Observer:
        return self.observer(Path(run.directory) / "lines.txt")


class Littering(Honest):
    def open(self, run: RunStart) -> Observer:
        Path("tracker.log").write_text("hello")
        return super().open(run)


class Nothing(Honest):
    def open(self, run: RunStart) -> Observer:
        return None  # type: ignore[return-value]


class Fragile(Honest):
    def open(self, run: RunStart) -> Observer:
        return _Refusing()


class Unclosed(Lines):
    def on_end(self, state: RunState, message: str) -> None:
        raise OSError("it was never begun")


class _Refusing(Observer):
    def before_checkpoint(self) -> None:
        raise OSError("the disk is full")


def opening(observer: type[Lines]) -> TrackerRecipe:
    return type(observer.__name__, (Opening,), {"observer": observer})()


BROKEN: Mapping[str, tuple[TrackerRecipe, type[Exception], str]] = {
    "it_ends_what_never_began": (opening(Unclosed), OSError, "it was never begun"),
    "it_opens_an_observer": (Nothing(), AssertionError, "it opens a NoneType, no Observer"),
    "it_takes_everything_that_a_run_tells": (Fragile(), OSError, "the disk is full"),
    "it_takes_numbers_that_are_not_finite": (opening(Strict), ValueError, "not JSON compliant"),
    "it_takes_evaluations_of_which_little_is_known": (
        opening(Proud),
        AssertionError,
        "success must be known",
    ),
    "it_goes_on_with_a_run_that_was_resumed": (
        opening(Straight),
        AssertionError,
        "step 200 comes after step 300",
    ),
    "it_prints_nothing_and_writes_only_into_the_runs_folder": (
        opening(Loud),
        AssertionError,
        r"it prints 'step 100\\n",
    ),
    "it_leaves_the_process_to_the_run": (
        opening(Random),
        AssertionError,
        "it changes python's random numbers",
    ),
}


@pytest.mark.parametrize("check", BROKEN)
def test_a_broken_tracker_is_caught(check: str) -> None:
    tracker, error, sentence = BROKEN[check]
    with pytest.raises(error, match=sentence):
        getattr(TrackerSuite(), f"test_{check}")(tracker)


def test_files_in_the_working_directory_are_caught() -> None:
    check = TrackerSuite().test_it_prints_nothing_and_writes_only_into_the_runs_folder
    with pytest.raises(AssertionError, match=r"it leaves tracker\.log in the working directory"):
        check(Littering())


class TestAnHonestTracker(TrackerSuite):
    @pytest.fixture
    def part(self) -> TrackerRecipe:
        return Honest()
