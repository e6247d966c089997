import subprocess
import sys

import pytest

from genpolicy_plugins.datasets.references import known_returns, reference_of, rows

IMPORTS = """
import sys
from genpolicy_plugins.datasets import references
assert references.rows.cache_info().currsize == 0
assert not {"gymnasium", "minari", "h5py", "mujoco"} & set(sys.modules), sys.modules
"""

D4RL = {
    "hopper-medium-v2": (-20.272305, 3234.3),
    "halfcheetah-medium-expert-v0": (-280.178953, 12135.0),
    "walker2d-full-replay-v2": (1.629008, 4592.3),
    "ant-random-v1": (-325.6, 3879.7),
    "antmaze-large-diverse-v2": (0.0, 1.0),
    "maze2d-large-v1": (6.7, 273.99),
    "maze2d-large-dense-v1": (30.569041, 303.4857382709002),
    "pen-human-v1": (96.262799, 3076.8331017826877),
    "hammer-cloned-v0": (-274.856578, 12794.134825156867),
    "door-expert-v1": (-56.512833, 2880.5693087298737),
    "relocate-cloned-v1": (-6.425911, 4233.877797728884),
    "kitchen-mixed-v0": (0.0, 4.0),
}


@pytest.mark.parametrize("name", D4RL)
def test_d4rls_scores_are_those_that_it_published(name):
    found = reference_of(f"d4rl:{name}")
    assert (found.random_return, found.expert_return) == D4RL[name]
    assert "2004.07219" in found.source


@pytest.mark.parametrize(
    ("body", "expert"), [("hopper", 3234.3), ("halfcheetah", 12135.0), ("walker2d", 4592.3)]
)
def test_minaris_bodies_have_our_random_return_and_d4rls_expert(body, expert):
    found = reference_of(f"minari:mujoco/{body}/medium-v0")
    assert found.expert_return == expert
    assert found.random_return != reference_of(f"d4rl:{body}-medium-v2").random_return
    for words in ("seeds from 100000", "mujoco 3.11.0", "D4RL's v2 body, not this one"):
        assert words in found.source


@pytest.mark.parametrize("body", ["ant", "humanoid", "swimmer", "pusher", "invertedpendulum"])
def test_without_an_expert_only_the_random_return_is_known(body):
    name = f"minari:mujoco/{body}/expert-v0"
    assert reference_of(name) is None
    assert known_returns(name).random_return is not None


@pytest.mark.parametrize(
    "name", ["npz:mine.npz", "hopper-medium-v2", "minari:mujoco/hopper", "d4rl:bullet-hopper-v0"]
)
def test_nothing_is_known_of_other_names(name):
    assert known_returns(name) is None
    assert reference_of(name) is None


def test_every_row_says_whose_numbers_they_are_and_since_when():
    for row in rows():
        assert row.source
        assert row.measured
        assert row.version >= 1
        assert row.expert_return is None or row.expert_return > row.random_return


def test_no_row_hides_a_later_one():
    names = [row.name for row in rows()]
    assert [known_returns(name.replace("*", "x")).name for name in names] == names


def test_a_reference_tells_its_source_in_words():
    assert reference_of("pointmaze/umaze").source == (  # as it stands in the file that is shipped
        "pointmaze references v1: uniform actions and the noise-free waypoint controller, 1000 "
        "episodes each, seeds from 100000"
    )


@pytest.mark.slow
def test_the_table_is_read_when_it_is_first_asked_for():
    subprocess.run([sys.executable, "-c", IMPORTS], check=True)
