import math
from datetime import UTC, datetime

import pytest

from genpolicy.intervals import Interval
from genpolicy_cli.output import plain
from genpolicy_cli.words import count, duration, interval, moment, option_value, share


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (2.44, "2.4 s"),
        (9.96, "10.0 s"),
        (59.6, "1 min 00 s"),
        (171, "2 min 51 s"),
        (7260, "2 h 01 min"),
    ],
)
def test_time_spans_are_read_at_a_glance(seconds, text):
    assert duration(seconds) == text


def test_intervals_show_half_their_width_where_there_is_one():
    assert interval(Interval(mean=92.14, low=90.0, high=94.3)) == "92.1 ± 2.1"
    assert share(Interval(mean=0.98, low=0.93, high=0.994)) == "98.0 % (93.0–99.4)"
    assert share(None) == "–"
    assert interval(Interval(mean=7.0, low=math.nan, high=math.nan)) == "7.0"
    assert interval(None) == "–"


def test_option_values_look_as_they_are_typed():
    values = [(256, 128), None, True, 1e-4, 3e-05, 80_000, "vp", 0.1234567891]
    texts = ["256,128", "none", "true", "0.0001", "3e-05", "80000", "vp", "0.1234567891"]
    assert [option_value(value) for value in values] == texts


def test_numbers_come_with_their_noun():
    assert [count(n, "step") for n in (1, 0, 2000)] == ["1 step", "0 steps", "2,000 steps"]


def test_moments_that_did_not_come_are_a_dash():
    assert moment(None) == "–"
    assert moment(datetime(2026, 1, 2, 3, 4, tzinfo=UTC)).startswith("2026-01-0")


def test_json_holds_what_is_not_finite_as_text():
    assert plain({"a": (math.nan, math.inf, 1.5)}) == {"a": ["nan", "inf", 1.5]}
    assert plain(Interval(mean=1.0, low=0.0, high=2.0)) == {"mean": 1.0, "low": 0.0, "high": 2.0}
