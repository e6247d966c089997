import attrs
import pytest

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


@attrs.frozen(kw_only=True)
class Tracker(TrackerRecipe):
    observer: Fragile | None = None

    def open(self, run: RunStart) -> Observer:
        if self.observer is None:
            raise OSError("no such host")
        return self.observer


@pytest.fixture
def run(request) -> RunStart:
    return object()  # type: ignore[return-value]


def test_a_tracker_that_fails_is_reported_once_and_left_alone(run):
    said: list[str] = []
    fragile = Fragile()
    guarded = Guarded(Tracker(observer=fragile), run, "board", said.append)
    for kind, message in (("note", "one"), ("break", "two"), ("note", "three")):
        guarded.on_event(EventRecord(kind=kind, message=message))
    guarded.on_step(3)
    assert fragile.heard == ["one", "two"]
    assert said == ["tracker 'board' failed and is left alone: no route"]


def test_a_tracker_that_cannot_be_opened_stops_nothing(run):
    said: list[str] = []
    guarded = Guarded(Tracker(), run, "board", said.append)
    guarded.on_event(EventRecord(kind="note", message="one"))
    guarded.before_checkpoint()
    assert said == ["tracker 'board' failed and is left alone: no such host"]


@pytest.mark.parametrize(
    "call", [name for name in dir(Observer) if name.startswith(("on_", "before_"))]
)
def test_everything_an_observer_is_told_is_passed_on(call, run):
    heard = []

    class Echo(Observer):
        pass

    setattr(Echo, call, lambda self, *what: heard.append(what))
    guarded = Guarded(Tracker(observer=Echo()), run, "board", heard.append)  # type: ignore[arg-type]
    arguments = {"on_stage": ("policy", 0, 5), "before_checkpoint": ()}.get(call, ("told",))
    getattr(guarded, call)(*arguments)
    assert heard == [arguments]
