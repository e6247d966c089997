"""How a run looks while it goes."""

import io

import pytest
from rich.console import Console
from rich.text import Text

from genpolicy.objective import Stage
from genpolicy.records import EpisodeRecord, EvaluationRecord, EventRecord
from genpolicy_cli.progress import Bars, Lines, display_for


def evaluation(selection):
    episode = EpisodeRecord(return_=50.0, length=9, success=None, steps_to_success=None, seed=0)
    return EvaluationRecord(
        stage="policy",
        step=1500,
        protocol="default",
        selection=selection,
        environment={},
        seed=0,
        episodes=(episode, episode),
        random_return=0.0,
        expert_return=100.0,
    )


def stage(name, steps):
    return Stage(name=name, steps=steps, batch_size=8, learning_rates={"policy": 1e-3})


@pytest.fixture
def terminal():
    return Console(file=io.StringIO(), force_terminal=True, width=110, color_system=None)


def go(display):
    with display:
        display.on_stage("critic", 0, 1000)
        display.on_step(1000)
        display.on_stage("policy", 1000, 2000)
        display.on_step(1500)
        display.on_evaluation(evaluation(None))
        display.on_event(EventRecord(kind="scoring", message=""))
        display.on_evaluation(evaluation("last"))


def test_a_terminal_shows_a_bar_per_stage_and_the_newest_score(terminal):
    go(Bars(terminal, [stage("critic", 1000), stage("policy", 1000)]))
    text = Text.from_ansi(terminal.file.getvalue()).plain
    last = [line for line in text.splitlines() if "━" in line][-3:]
    assert [line.split()[0] for line in last] == ["critic", "policy", "scoring"]
    assert "1,000/1,000" in last[0]
    assert "score 50.0 ± 0.0 (2 episodes)" in last[1]
    assert "score 50.0 ± 0.0 (2 episodes)" in last[2]


@pytest.mark.parametrize("of", [Lines, lambda console: Bars(console, [stage("critic", 10)])])
def test_what_is_odd_is_said_whatever_the_display(of, terminal):
    with of(terminal) as display:
        display.on_event(EventRecord(kind="warning", message="one episode, none held out"))
    assert "one episode, none held out" in Text.from_ansi(terminal.file.getvalue()).plain


def test_bars_of_stages_that_a_resumed_run_had_behind_it_are_full(terminal):
    display = Bars(terminal, [stage("critic", 1000), stage("policy", 1000)])
    with display:
        display.on_stage("policy", 1000, 2000)
        display.on_step(1700)
    text = terminal.file.getvalue()
    assert "1,000/1,000" in text
    assert "700/1,000" in text
    assert "steps/s" not in text  # nothing was measured yet


def test_the_score_before_the_online_stage_leaves_its_bar_as_it_is(terminal):
    display = Bars(terminal, [stage("policy", 1000), stage("online", 1000)])
    with display:
        display.on_stage("policy", 0, 1000)
        display.on_step(1000)
        display.on_evaluation(evaluation("offline"))
        display.on_stage("online", 1000, 2000)
        display.on_step(1200)
    text = Text.from_ansi(terminal.file.getvalue()).plain
    last = [line for line in text.splitlines() if "━" in line][-2:]
    assert "1,000/1,000" in last[0]
    assert "score 50.0 ± 0.0 (2 episodes)" in last[0]
    assert "200/1,000" in last[1]


def test_a_log_gets_a_line_per_stage_and_score():
    console = Console(file=io.StringIO(), width=80)
    go(Lines(console))
    assert console.file.getvalue().splitlines() == [
        "critic: 1,000 steps",
        "policy: 1,000 steps",
        "policy, at step 1,500: score 50.0 ± 0.0 (2 episodes)",
        "policy, at the end: score 50.0 ± 0.0 (2 episodes)",
    ]


def test_the_display_suits_where_it_is_shown(terminal):
    log = Console(file=io.StringIO())
    assert type(display_for(terminal, [], quiet=False)) is Bars
    assert type(display_for(log, [], quiet=False)) is Lines
    quiet = display_for(log, [], quiet=True)
    go(quiet)
    assert log.file.getvalue() == ""


def test_of_several_that_train_as_one_it_is_said_whose_score_is_shown(terminal):
    whose = "seed 0, the first of 4 runs"
    log = Console(file=io.StringIO(), width=80)
    for console in (terminal, log):
        with display_for(console, [stage("policy", 10)], quiet=False, whose=whose) as display:
            display.on_stage("policy", 0, 10)
            display.on_evaluation(evaluation(None))
    text = Text.from_ansi(terminal.file.getvalue()).plain
    assert "shown is seed 0, the first of 4 runs" in text
    assert log.file.getvalue().splitlines()[-1] == (
        "policy, at step 1,500: seed 0, the first of 4 runs: score 50.0 ± 0.0 (2 episodes)"
    )


@pytest.mark.parametrize("width", [None, 140])
@pytest.mark.parametrize("compiles", [True, False])
def test_compiling_is_announced_before_it_takes_its_time(width, compiles):
    console = Console(
        file=io.StringIO(), force_terminal=width is not None, width=width, color_system=None
    )
    with display_for(console, [stage("policy", 10)], quiet=False, compiles=compiles) as display:
        display.on_stage("policy", 0, 10)
    text = Text.from_ansi(console.file.getvalue()).plain
    sentence = "compiling the first step of stage policy; this takes a minute or so"
    assert (sentence in text) is compiles
