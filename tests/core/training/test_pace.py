import types

import pytest

from genpolicy.training import pace as pace_module
from genpolicy.training.pace import Pace


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> types.SimpleNamespace:
    """A clock that stands still unless it is set."""
    clock = types.SimpleNamespace(now=0.0)
    clock.monotonic = lambda: clock.now
    monkeypatch.setattr(pace_module, "time", clock)
    return clock


def test_who_asks_after_the_same_step_is_told_the_same(clock: types.SimpleNamespace) -> None:
    pace = Pace(10.0)
    assert not pace.stops(1)
    assert not pace.is_due(1)
    pace.stop()
    clock.now = 11.0
    assert not pace.stops(1)
    assert not pace.is_due(1)
    assert pace.stops(2)
    assert pace.is_due(2)
    pace.saved()
    assert pace.is_due(2), "the others save after this step, too"
    assert not pace.is_due(3)


def test_a_stop_is_known_at_once_to_who_takes_no_steps() -> None:
    pace = Pace(10.0)
    pace.stop()
    assert pace.stop_asked
