import json

import pytest

from genpolicy.dataset import EnvironmentSpec
from genpolicy.errors import DataError

PLAIN = EnvironmentSpec(id="a:B-v0", kwargs={"g": 9.0}, observation_keys=("x", "y"), horizon=5)
OTHER = EnvironmentSpec(id="cube-v0", horizon=5, factory="ogbench", version="1.2.2")


@pytest.mark.parametrize("spec", [PLAIN, OTHER])
def test_what_is_written_down_is_read_back(spec):
    assert EnvironmentSpec.of_json(json.loads(json.dumps(spec.as_json()))) == spec


def test_gymnasium_goes_without_saying_so_that_old_records_stay_what_they_were():
    assert set(PLAIN.as_json()) == {"id", "kwargs", "observation_keys", "horizon"}
    assert OTHER.as_json()["factory"] == "ogbench"
    assert OTHER.as_json()["version"] == "1.2.2"


def test_a_record_of_an_id_and_a_horizon_will_do():
    assert EnvironmentSpec.of_json({"id": "B-v0", "horizon": 3}) == EnvironmentSpec(
        id="B-v0", horizon=3
    )


def test_an_unknown_maker_is_refused():
    with pytest.raises(DataError, match=r"by 'magic'; .* made by gymnasium or ogbench"):
        EnvironmentSpec(id="B-v0", horizon=3, factory="magic")


@pytest.mark.parametrize(
    ("spec", "name", "answer"),
    [
        (PLAIN, "a:B-v0", True),
        (PLAIN, "B-v0", True),
        (PLAIN, "b:B-v0", False),
        (OTHER, "ogbench:cube-v0", True),
        (OTHER, "cube-v1", False),
    ],
)
def test_an_environment_answers_to_its_id_with_and_without_where_it_is_from(spec, name, answer):
    assert spec.answers_to(name) is answer
