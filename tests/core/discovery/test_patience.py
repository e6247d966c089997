"""Plugins that hang are stopped, and nobody notices afterwards."""

import contextlib
import math
import os
import signal
import threading
import time

import pytest

from genpolicy.discovery import patience as module
from genpolicy.discovery.loader import load_sources
from genpolicy.discovery.patience import OutOfPatienceError, limited, patience
from genpolicy.discovery.sources import Source
from genpolicy.errors import UsageError

pytestmark = pytest.mark.skipif(os.name != "posix", reason="there is no timer")


@pytest.fixture(autouse=True)
def ringing_fast(monkeypatch):
    monkeypatch.setattr(module, "_AGAIN", 0.02)
    monkeypatch.setattr(module, "_WAIT", 0.05)


def hang():
    while True:
        time.sleep(0.01)


def hang_deaf(times):
    """Swallow the exception so many times."""
    for _ in range(times):
        with contextlib.suppress(BaseException):
            hang()
    hang()


def import_for(seconds, module):
    """Run what the body of a module of this name would, for so long."""
    body = "end = time.monotonic() + seconds\nwhile time.monotonic() < end:\n    time.sleep(0.01)"
    exec(compile(body, "module.py", "exec"), {"__name__": module, "time": time, "seconds": seconds})


def load(plugin, seconds=0.05):
    (record,) = load_sources([Source("slow", "1.0", "parts", "slow.plugin", plugin)], None, seconds)
    return record


def test_what_hangs_is_stopped():
    with pytest.raises(OutOfPatienceError, match=r"did not finish importing in 0\.05 s"):  # noqa: SIM117
        with limited(0.05, "slow", "importing"):
            hang()


def test_what_swallows_the_exception_is_stopped_by_the_next(capfd):
    start = time.monotonic()
    with pytest.raises(OutOfPatienceError), limited(0.05, "slow", "importing"):
        hang_deaf(5)
    assert time.monotonic() - start < 5.0
    assert (
        "plugin slow hangs and cannot be stopped; end this program, and start it with "
        "AGENT_PLUGINS_DENY=slow" in capfd.readouterr().err
    )


def test_an_import_of_a_shared_library_is_waited_for():
    ended = []

    def plugin():
        import_for(0.2, "torch.nn")
        ended.append(True)
        hang()

    assert load(plugin).state == "broken"
    assert ended == [True]


def test_an_import_of_any_other_module_is_not_waited_for():
    with pytest.raises(OutOfPatienceError), limited(0.05, "slow", "importing"):
        import_for(5.0, "torchlike")


def test_an_import_of_a_shared_library_that_does_not_end_is_told(capfd):
    with limited(0.05, "slow", "importing"):
        import_for(0.3, "torch")
    assert capfd.readouterr().err.count("plugin slow hangs and cannot be stopped") == 1


def test_a_limit_that_is_over_at_once_leaves_nothing_behind():
    before = signal.getsignal(signal.SIGALRM)
    for _ in range(20):
        with pytest.raises(OutOfPatienceError), limited(1e-9, "slow", "importing"):
            hang()
        assert signal.getsignal(signal.SIGALRM) is before
        assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_who_is_in_time_is_left_alone(capfd):
    with limited(0.05, "quick", "importing"):
        pass
    time.sleep(0.1)
    assert capfd.readouterr().err == ""
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


@pytest.mark.parametrize("hangs", [False, True])
def test_the_timer_and_handler_of_others_are_put_back(hangs):
    rung = []
    before = signal.signal(signal.SIGALRM, lambda *_: rung.append(time.monotonic()))
    start = time.monotonic()
    signal.setitimer(signal.ITIMER_REAL, 0.3, 0.1)
    try:
        try:
            with limited(0.05, "slow", "importing"):
                if hangs:
                    hang()
        except OutOfPatienceError:
            assert hangs
        left, interval = signal.getitimer(signal.ITIMER_REAL)
        assert left <= 0.3 - (time.monotonic() - start) + 0.02
        assert interval == pytest.approx(0.1, abs=1e-3)
        while len(rung) < 2:
            time.sleep(0.01)
        assert rung[0] - start == pytest.approx(0.3, abs=0.15)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)


def test_a_timer_that_would_have_rung_meanwhile_rings_afterwards():
    rung = []
    before = signal.signal(signal.SIGALRM, lambda *_: rung.append(1))
    signal.setitimer(signal.ITIMER_REAL, 0.03)
    try:
        with pytest.raises(OutOfPatienceError), limited(0.1, "slow", "importing"):
            hang()
        time.sleep(0.05)
        assert rung == [1]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)


def test_another_thread_is_not_limited():
    done = []

    def work():
        with limited(0.01, "slow", "importing"):
            time.sleep(0.05)
        done.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [True]


@pytest.mark.parametrize("seconds", [math.inf, 1e300])
def test_a_limit_that_no_timer_can_hold_is_none(seconds):
    with limited(seconds, "slow", "importing"):
        assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_a_plugin_that_hangs_at_import_is_broken_and_named():
    record = load(hang)
    assert record.state == "broken"
    assert record.problem == (
        "plugin slow 1.0 failed to load (it did not finish importing in 0.05 s and was stopped): "
        "upgrade it with `pip install -U slow` or remove it with `pip uninstall slow`; "
        "AGENT_PLUGINS_PATIENCE=300 would wait for 300 s"
    )
    assert "in hang" in record.traceback


def test_a_hook_that_hangs_is_named():
    from genpolicy import hookimpl

    class Plugin:
        @hookimpl
        def genpolicy_backbones(self):
            hang()

    assert (
        "failed in its hook genpolicy_backbones (it did not finish naming its parts in 0.05 s"
        in load(Plugin).problem
    )


@pytest.mark.parametrize(
    ("text", "seconds"), [(None, 30.0), ("", 30.0), ("2.5", 2.5), ("inf", math.inf)]
)
def test_patience_comes_from_the_environment(text, seconds):
    assert patience({} if text is None else {"AGENT_PLUGINS_PATIENCE": text}) == seconds


@pytest.mark.parametrize("text", ["long", "0", "-1", "nan"])
def test_a_patience_that_is_no_time_is_refused(text):
    with pytest.raises(UsageError, match=f"AGENT_PLUGINS_PATIENCE is how many.*got '{text}'"):
        patience({"AGENT_PLUGINS_PATIENCE": text})
