"""``agent runs diff``."""

import csv
import io

import pytest

from genpolicy.registry import Registry
from recorded import evaluation, record, run_start


@pytest.fixture(autouse=True)
def recorded(place):
    other = {"objective": ("genpolicy/gmpg", {"beta": 3.0, "steps": 100})}
    with Registry.open("registry.db") as registry:
        record(registry, run_start("aa"), evaluation([10.0, 50.0, 0.0]))
        record(registry, run_start("bb", other, seed=1), evaluation([12.0, 53.0, 1.0]))
        record(registry, run_start("cc"), evaluation([10.0], protocol="horizon-9"))
        record(registry, run_start("dd"))
        record(registry, run_start("ee"), evaluation([12.0, 53.0], first_seed=50))


def rows(done):
    assert done.status == 0, done.err
    return {(row["of"], row["what"]): row for row in done.json}


def test_only_what_differs_and_the_scores_are_listed(agent):
    found = rows(agent("runs", "diff", "aa", "bb", "--json"))
    assert list(found) == [
        ("run", "id"),
        ("run", "seed"),
        ("recipe", "objective.beta"),
        ("scores", "protocol"),
        ("scores", "selection"),
        ("scores", "episodes"),
        ("scores", "score"),
        ("scores", "return"),
        ("scores", "success"),
    ]
    beta = found["recipe", "objective.beta"]
    assert (beta["first"], beta["second"], beta["difference"]) == (2.0, 3.0, None)


def test_a_difference_is_paired_where_the_starts_are_the_same(agent):
    score = rows(agent("runs", "diff", "aa", "bb", "--json"))["scores", "score"]
    assert score["difference"]["mean"] == pytest.approx(2.0)
    assert score["difference"]["low"] == pytest.approx(2.0 - 1.959964 / 3**0.5)
    assert score["over"] == "3 pairs of episodes"
    apart = rows(agent("runs", "diff", "aa", "ee", "--json"))["scores", "score"]
    assert apart["over"] == "3 and 2 episodes"
    assert apart["difference"]["low"] < -20


@pytest.mark.parametrize(("other", "reason"), [("cc", "another protocol"), ("dd", "not scored")])
def test_scores_that_do_not_compare_have_no_difference(agent, other, reason):
    done = agent("runs", "diff", "aa", other, "--json")
    score = rows(done)["scores", "score"]
    assert score["difference"] is None
    assert score["over"] == f"no difference: {reason}"
    assert done.err == f"the scores of these runs do not compare: {reason}\n"


def test_every_form_tells_the_same(agent):
    done = agent("runs", "diff", "aa", "bb", "--csv")
    by_what = {row["what"]: row for row in csv.DictReader(io.StringIO(done.out))}
    assert (by_what["score"]["first"], by_what["score"]["second_low"][:5]) == ("20.0", "-9.01")
    assert (by_what["objective.beta"]["first"], by_what["objective.beta"]["first_low"]) == (
        "2.0",
        "",
    )
    marked = agent("runs", "diff", "aa", "bb", "--markdown").out
    assert "| recipe | objective.beta | 2 | 3 |  |  |" in marked
    assert "| 2.0 ± 1.1 | 3 pairs of episodes |" in marked
    assert "66.7 % (20.8–93.9)" in agent("runs", "diff", "aa", "bb").out


def test_a_run_does_not_differ_from_itself(agent):
    done = agent("runs", "diff", "aa", "aa", "--json")
    assert rows(done)["scores", "score"]["difference"]["mean"] == 0.0
    assert done.err == "both are the same run\n"


def test_runs_that_were_never_scored_are_compared_all_the_same(agent):
    assert list(rows(agent("runs", "diff", "dd", "dd", "--json"))) == [("run", "id")]


def test_unknown_runs_are_refused(agent):
    done = agent("runs", "diff", "aa", "zz")
    assert done.status == 4
    assert "holds no run 'zz'; the newest are ee, dd, cc, bb, aa" in done.err
    assert agent("runs", "diff", "aa").status == 2
