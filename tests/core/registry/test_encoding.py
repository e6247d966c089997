import json
import math

import pytest

from genpolicy.registry.encoding import decode_json, encode_json, join_float, printable, split_float


@pytest.mark.parametrize("number", [0.0, -1.5, 1e-300, 1e300, math.inf, -math.inf, math.nan])
def test_a_number_survives_its_two_columns(number):
    value, special = split_float(number)
    assert (value is None) != (special is None)
    assert join_float(value, special) == pytest.approx(number, rel=0, nan_ok=True)


def test_json_keeps_nan_and_infinities_and_is_still_json():
    text = encode_json({"clip": math.inf, "list": (1, -math.inf), "deep": {"x": math.nan}})
    strict = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert strict["clip"] == {"$float": "inf"}
    read = decode_json(text)
    assert read["clip"] == math.inf
    assert read["list"] == [1, -math.inf]
    assert math.isnan(read["deep"]["x"])


def test_undecodable_file_names_are_spelt_out():
    assert printable("a\udcffb") == "a\\udcffb"
    assert printable("Größe") == "Größe"


def test_what_no_server_stores_is_spelt_out():
    assert printable("bad \0 header") == "bad \\x00 header"
    assert decode_json(encode_json({"a\0": ["b\0", "\udcff"]})) == {"a\\x00": ["b\\x00", "\\udcff"]}
