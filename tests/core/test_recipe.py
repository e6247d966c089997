import math
from typing import Any, Literal

import attrs
import pytest

from genpolicy.conversion import convert
from genpolicy.errors import OptionError
from genpolicy.recipe import Recipe, make_recipe, option, options_of, recipe_values


@attrs.frozen(kw_only=True)
class Sample(Recipe):
    rate: float = option(1, help="a rate", gt=0, le=2)
    count: int = option(3, help="how many", ge=1)
    head: Literal["noise", "velocity"] = option("noise", help="what it predicts")
    widths: tuple[int, ...] = option((8, 8), help="widths")
    box: tuple[float, float] = option((0.0, 1.0), help="two ends")
    exact: bool = option(True, help="whether exact")
    limit: float | None = option(None, help="a limit, if any", lt=10)
    path: str = option("", help="a file")

    def __attrs_post_init__(self) -> None:
        if self.count == 13:
            raise ValueError("count brings bad luck at 13\nand this is a detail")


@pytest.mark.parametrize(
    ("value", "annotation", "expected"),
    [
        ("1e-4", float, 1e-4),
        (2, float, 2.0),
        ("inf", float, math.inf),
        ("3", int, 3),
        ("1e6", int, 1_000_000),
        (3.0, int, 3),
        ("9007199254740993", int, 9007199254740993),
        ("yes", bool, True),
        ("False", bool, False),
        (True, bool, True),
        ("a b", str, "a b"),
        ("velocity", Literal["noise", "velocity"], "velocity"),
        ("2", Literal[1, 2], 2),
        ("256,256", tuple[int, ...], (256, 256)),
        ("(256, 128)", tuple[int, ...], (256, 128)),
        ("[8]", tuple[int, ...], (8,)),
        ("8", tuple[int, ...], (8,)),
        ("", tuple[int, ...], ()),
        ([4, 5], tuple[int, ...], (4, 5)),
        (7, tuple[int, ...], (7,)),
        ("0,1", tuple[float, float], (0.0, 1.0)),
        ("none", float | None, None),
        (None, float | None, None),
        ("0.5", float | None, 0.5),
        ("auto", float | str, "auto"),
        ("0.5", float | str, 0.5),
    ],
)
def test_values_are_read_according_to_their_type(
    value: Any, annotation: Any, expected: Any
) -> None:
    found = convert(value, annotation, who="it")
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("value", "annotation", "sentence"),
    [
        ("wide", float, "it takes a number; got 'wide'"),
        (True, float, "it takes a number; got True"),
        ("2.5", int, "it takes a whole number; got '2.5'"),
        ("inf", int, "it takes a whole number; got 'inf'"),
        ("nan", int, "it takes a whole number; got 'nan'"),
        (True, int, "it takes a whole number; got True"),
        ("maybe", bool, "it takes true or false; got 'maybe'"),
        (3, str, "it takes a text; got 3"),
        ("nose", Literal["noise", "velocity"], "it takes one of noise, velocity; got 'nose'"),
        ("a,b", tuple[int, ...], "it takes a whole number; got 'a'"),
        ("1,2,3", tuple[float, float], "it takes a number, a number; got '1,2,3'"),
        ("none", float, "it takes a number; got 'none'"),
        ("x", float | None, "it takes a number or none; got 'x'"),
        ({"a": 1}, int, "it takes a whole number; got {'a': 1}"),
    ],
)
def test_values_that_cannot_be_read_are_refused_with_what_would_do(
    value: Any, annotation: Any, sentence: str
) -> None:
    with pytest.raises(OptionError) as caught:
        convert(value, annotation, who="it")
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"rates": 1}, "solver x has no option 'rates'; did you mean 'rate'?"),
        ({"rate": "fast"}, "option 'rate' of solver x takes a number; got 'fast'"),
        ({"rate": 0}, "solver x: 'rate' must be > 0: 0.0"),
        ({"rate": 3}, "solver x: 'rate' must be <= 2: 3.0"),
        ({"rate": "nan"}, "solver x: 'rate' must be finite: nan"),
        ({"limit": "-inf"}, "solver x: 'limit' must be finite: -inf"),
        ({"box": "0,inf"}, "solver x: 'box' must be finite: (0.0, inf)"),
        ({"count": 0}, "solver x: 'count' must be >= 1: 0"),
        ({"limit": 10}, "solver x: 'limit' must be < 10: 10.0"),
        ({"count": 13}, "solver x: count brings bad luck at 13"),
    ],
)
def test_options_that_are_unknown_or_out_of_bounds_are_refused(
    options: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(OptionError) as caught:
        make_recipe(Sample, options, who="solver x")
    assert str(caught.value) == sentence


def test_a_recipe_made_in_python_refuses_numbers_that_are_not_finite() -> None:
    with pytest.raises(ValueError, match="'rate' must be finite: inf"):
        Sample(rate=math.inf)


def test_an_option_that_may_be_none_has_no_bounds_there() -> None:
    assert make_recipe(Sample, {"limit": "none"}, who="x").limit is None


def test_values_make_the_recipe_again() -> None:
    recipe = make_recipe(Sample, {"widths": "4,5", "limit": 2, "box": [1, 2]}, who="x")
    values = recipe_values(recipe)
    assert values["widths"] == [4, 5]
    assert values["box"] == [1.0, 2.0]
    assert make_recipe(Sample, values, who="x") == recipe


def test_a_whole_default_of_a_number_is_told_as_a_number() -> None:
    assert repr(recipe_values(Sample())["rate"]) == "1.0"
    assert repr(recipe_values(Sample())["exact"]) == "True"


def test_options_are_described_in_their_order() -> None:
    known = options_of(Sample)
    assert list(known)[:3] == ["rate", "count", "head"]
    assert known["rate"].help == "a rate"
    assert known["rate"].default == 1
    assert {name: each.type_name for name, each in known.items()} == {
        "rate": "a number",
        "count": "a whole number",
        "head": "one of noise, velocity",
        "widths": "whole numbers, separated by commas",
        "box": "a number, a number",
        "exact": "true or false",
        "limit": "a number or none",
        "path": "a text",
    }


@attrs.frozen(kw_only=True)
class Derived(Recipe):
    rate: float = option(1.0, help="a rate")
    _half: float = attrs.field(init=False, default=0.0)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "_half", self.rate / 2)


def test_a_value_that_is_derived_from_options_is_none_itself() -> None:
    assert list(options_of(Derived)) == ["rate"]
    recipe = make_recipe(Derived, {"rate": 3}, who="x")
    assert recipe_values(recipe) == {"rate": 3.0}
    again = make_recipe(Derived, recipe_values(recipe), who="x")
    assert (again, again._half) == (recipe, 1.5)
    with pytest.raises(OptionError, match="x has no option '_half'; "):
        make_recipe(Derived, {"_half": 1.0}, who="x")
