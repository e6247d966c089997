"""What stands between a run and its trackers."""

import sys
import threading

import attrs
import pytest

from genpolicy import tracker
from genpolicy.observer import Observer
from genpolicy.records import EventRecord, RunStart
from genpolicy.tracker import Guarded, TrackerRecipe


class Fragile(Observer):
    def __init__(self) -> None:
        self.heard: list[str] = []

    def on_event(self, record: EventRecord) -> None:
        self.heard.append(record.message)
        if record.kind == "break":
            raise OSError("no route")
        if record.kind == "exit":
            sys.exit()


class Slow(Observer):
    """Waits until it is let go."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.heard: list[object] = []

    def on_event(self, record: EventRecord) -> None:
        self.go.wait(20)
        self.heard.append(record.message)

    def on_step(self, step: int) -> None:
        self.heard.append(step)

    def before_checkpoint(self) -> None:
        self.heard.append("checkpoint")


@attrs.frozen(kw_only=True)
class Tracker(TrackerRecipe):
    observer: Observer | None = None
    error: BaseException = attrs.field(factory=lambda: OSError("no such host"))

    def open(self, run: RunStart) -> Observer:
        if self.observer is None:
            raise self.error
        return self.observer


@attrs.frozen
class Run:
    id: str = "abc"


@pytest.fixture
def run() -> RunStart:
    return Run()  # type: ignore[return-value]


def note(message: str, kind: str = "note") -> EventRecord:
    return EventRecord(kind=kind, message=message)


def test_a_tracker_that_fails_is_reported_once_and_left_alone(run):
    said: list[str] = []
    fragile = Fragile()
    guarded = Guarded(Tracker(observer=fragile), run, "board", said.append)
    for kind, message in (("note", "one"), ("break", "two"), ("note", "three")):
        guarded.on_event(note(message, kind))
    guarded.on_step(3)
    guarded.on_end("finished", "")
    assert fragile.heard == ["one", "two"]
    assert said == ["tracker 'board' failed and is left alone: no route"]


def test_a_tracker_that_ends_its_thread_is_reported(run):
    said: list[str] = []
    guarded = Guarded(Tracker(observer=Fragile()), run, "board", said.append)
    guarded.on_event(note("one", "exit"))
    guarded.before_checkpoint()
    guarded.on_end("finished", "")
    assert said == ["tracker 'board' failed and is left alone: SystemExit"]


@pytest.mark.parametrize(
    ("error", "reason"),
    [(OSError("no such host"), "no such host"), (SystemExit(1), "SystemExit")],
)
def test_a_tracker_that_cannot_be_opened_stops_nothing(run, error, reason):
    said: list[str] = []
    guarded = Guarded(Tracker(error=error), run, "board", said.append)
    guarded.on_event(note("one"))
    guarded.before_checkpoint()
    guarded.on_end("failed", "why")
    assert said == [f"tracker 'board' failed and is left alone: {reason}"]


def test_an_interrupt_while_a_tracker_is_opened_is_passed_on(run):
    with pytest.raises(KeyboardInterrupt):
        Guarded(Tracker(error=KeyboardInterrupt()), run, "board", pytest.fail)


def test_a_slow_tracker_makes_nobody_wait_and_misses_nothing_but_steps(run):
    slow = Slow()
    guarded = Guarded(Tracker(observer=slow), run, "board", pytest.fail)
    messages = [f"{number}" for number in range(1000)]
    for number, message in enumerate(messages):
        guarded.on_event(note(message))
        guarded.on_step(number)
    assert slow.heard == [], "it was told everything while it was stuck"
    slow.go.set()
    guarded.on_end("finished", "")
    assert [each for each in slow.heard if isinstance(each, str)] == messages
    assert len(slow.heard) < 1100


def test_a_checkpoint_waits_until_the_tracker_has_caught_up(run):
    slow = Slow()
    guarded = Guarded(Tracker(observer=slow), run, "board", pytest.fail)
    guarded.on_event(note("one"))
    threading.Timer(0.1, slow.go.set).start()
    guarded.before_checkpoint()
    assert slow.heard == ["one", "checkpoint"]
    guarded.on_end("finished", "")


def test_only_one_checkpoint_waits_for_a_tracker_that_hangs(run, monkeypatch):
    waits: list[float] = []

    class Counted(threading.Event):
        def wait(self, timeout):
            waits.append(timeout)
            return super().wait(timeout)

    monkeypatch.setattr(tracker, "_CHECKPOINT_PATIENCE", 0.2)
    monkeypatch.setattr(tracker, "Event", Counted)
    slow = Slow()
    guarded = Guarded(Tracker(observer=slow), run, "board", pytest.fail)
    guarded.on_event(note("one"))
    for _ in range(20):
        guarded.before_checkpoint()
    assert waits == [0.2]
    slow.go.set()
    guarded.on_end("finished", "")


def test_a_tracker_that_hangs_at_the_end_is_left_alone(run, monkeypatch):
    monkeypatch.setattr(tracker, "_END_PATIENCE", 0.1)
    said: list[str] = []
    slow = Slow()
    guarded = Guarded(Tracker(observer=slow), run, "board", said.append)
    guarded.on_event(note("one"))
    guarded.on_end("finished", "")
    assert said == [
        "tracker 'board' is not done 0.1 seconds after the run and is left alone; what it shows "
        "may lack the end"
    ]
    slow.go.set()


@pytest.mark.parametrize(
    "call", [name for name in dir(Observer) if name.startswith(("on_", "before_"))]
)
def test_everything_an_observer_is_told_is_passed_on(call, run):
    heard = []

    class Echo(Observer):
        pass

    setattr(Echo, call, lambda self, *what: heard.append(what))
    guarded = Guarded(Tracker(observer=Echo()), run, "board", heard.append)  # type: ignore[arg-type]
    known = {
        "on_stage": ("policy", 0, 5),
        "before_checkpoint": (),
        "on_end": ("failed", "why"),
    }
    arguments = known.get(call, ("told",))
    getattr(guarded, call)(*arguments)
    if call != "on_end":
        guarded.on_end("finished", "")
    assert heard == [arguments]
