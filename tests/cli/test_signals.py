import os
import signal

import pytest

from genpolicy_cli.stopping import stopping


def test_the_first_signal_stops_and_the_second_interrupts():
    heard = []
    with stopping(lambda: heard.append("stop"), heard.append):
        os.kill(os.getpid(), signal.SIGINT)
        assert heard == ["stop", "stopping with a checkpoint; once more to stop at once"]
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)
    assert len(heard) == 2


def test_what_signals_did_before_they_do_again_afterwards():
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with stopping(lambda: None, lambda text: None):
        assert signal.getsignal(signal.SIGINT) != before[0]
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
