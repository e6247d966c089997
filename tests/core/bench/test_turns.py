import time

import pytest
import torch

from genpolicy.bench.turns import FLOOR, OURS, Contender, Contest, Spread, hold, timed

CPU = torch.device("cpu")


def scripted(name, seconds, log=None):
    """A contender whose turns take what is told, after a first one that is not to count."""
    left = iter([99.0, *seconds])

    def turn():
        if log is not None:
            log.append(name)
        return {"": next(left)}

    return Contender(name=name, turn=turn)


def contest(*contenders, amount=1):
    return Contest(what="work", amount=amount, contenders=contenders)


def test_contenders_take_turns():
    log = []
    hold(contest(scripted(OURS, [1, 1], log), scripted(FLOOR, [1, 1], log)), rounds=2)
    assert log == [OURS, FLOOR] * 3


def test_the_first_turn_does_not_count_and_ratios_are_taken_within_rounds():
    (figure,) = hold(
        contest(scripted(OURS, [2.0, 4.0, 9.0]), scripted(FLOOR, [1.0, 4.0, 3.0]), amount=8),
        rounds=3,
    )
    assert figure.seconds[OURS] == Spread(median=4.0, low=3.0, high=6.5)
    assert figure.ratios == {FLOOR: Spread(median=2.0, low=1.5, high=2.5)}
    assert (figure.rounds, figure.per_second) == (3, 2.0)


def test_no_round_begins_once_the_time_is_over_but_there_is_one():
    (figure,) = hold(contest(scripted(OURS, [1.0] * 9)), rounds=9, seconds=0.0)
    assert figure.rounds == 1
    assert figure.seconds[OURS] == Spread(median=1.0, low=1.0, high=1.0)


def test_every_round_is_told():
    told = []
    hold(contest(scripted(OURS, [1.0] * 3)), rounds=3, told=lambda: told.append(1))
    assert len(told) == 3


def test_what_a_turn_measures_several_things_of_comes_to_a_figure_each():
    both = Contender(name=OURS, turn=lambda: {"CPU": 1.0, "wall": 2.0})
    cpu, wall = hold(contest(both, amount=None), rounds=2)
    assert (cpu.what, cpu.seconds[OURS].median) == ("work (CPU)", 1.0)
    assert (wall.what, wall.seconds[OURS].median) == ("work (wall)", 2.0)
    assert cpu.per_second is None


def test_short_work_is_done_many_times_in_a_row_and_long_work_once():
    short, long = [], []
    quick = timed(lambda: short.append(1), CPU)
    slow = timed(lambda: (time.sleep(0.06), long.append(1)), CPU, warm=1)
    for turn in (quick, slow):
        turn()
    short.clear(), long.clear()
    assert 0.0 < quick()[""] < 1e-3
    assert slow()[""] == pytest.approx(0.06, abs=0.05)
    assert len(short) > 100
    assert len(long) == 1
