import math

import pytest

from genpolicy.dataset import Reference
from genpolicy.errors import DataError


def test_a_reference_whose_returns_are_the_same_is_refused():
    with pytest.raises(DataError, match=r"that differ; both are 3\.0 \(source: a paper\)"):
        Reference(random_return=3.0, expert_return=3.0, source="a paper")


def test_the_refusal_says_what_would_do():
    with pytest.raises(DataError, match=r"source: not given\); correct one of them, or leave"):
        Reference(random_return=0.0, expert_return=-0.0, source="")


@pytest.mark.parametrize("expert", [math.nextafter(3.0, 4.0), -900.0])
def test_returns_that_differ_make_a_reference(expert):
    assert Reference(random_return=3.0, expert_return=expert, source="us").expert_return == expert
