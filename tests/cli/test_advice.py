"""Commands that messages advise name the registry that was given."""

import pytest

from genpolicy_cli.advice import about, completed, without_passwords


@pytest.mark.parametrize("typed", [["--registry", "other place.db"], ["--registry=other place.db"]])
def test_advised_commands_name_the_registry_that_was_given(typed):
    message = "stopped; `agent resume a1` goes on, `agent runs show a1` tells all, `agent list` not"
    with about(["run", *typed]):
        assert completed(message) == (
            "stopped; `agent resume a1 --registry 'other place.db'` goes on, "
            "`agent runs show a1 --registry 'other place.db'` tells all, `agent list` not"
        )
    assert completed(message) == message, "the command is over"


def test_the_usual_registry_is_not_named():
    with about(["run", "--seed", "3"]):
        assert completed("`agent resume a1` goes on") == "`agent resume a1` goes on"
    with about(["run", "--registry"]):
        assert completed("`agent resume a1` goes on") == "`agent resume a1` goes on"


def test_passwords_stay_hidden():
    url = "postgresql+psycopg://me:secret@server/runs?sslpassword=also"
    assert without_passwords(url) == "postgresql+psycopg://me:***@server/runs?sslpassword=***"
    with about(["run", "--registry", url]):
        assert "secret" not in completed("`agent resume a1` goes on")


def test_what_a_run_advises_works_as_it_stands(agent, place):
    bandit = ("--dataset", "bandit/quadratic", "objective=bc", "objective.steps=5")
    done = agent("run", *bandit, "network.hidden=8", "train.looks=0", "--registry", "mine.db")
    assert done.status == 0
    advised = next(line for line in done.out.splitlines() if "tells all about it" in line)
    shown = agent(*advised.split("`")[1].split()[1:])
    assert shown.status == 0
    assert "finished" in shown.out
