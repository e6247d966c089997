import json
import re

import attrs
import numpy as np
import pytest

from genpolicy.dataset import EnvironmentSpec, Reference
from genpolicy.errors import DataError
from genpolicy_plugins.datasets import npz
from genpolicy_plugins.datasets.npz import Npz
from genpolicy_plugins.datasets.npz_writer import write_npz


@pytest.fixture
def load(tmp_path):
    def load(arrays, **changes):
        merged = {k: v for k, v in (arrays | changes).items() if v is not None}
        np.savez(tmp_path / "mine.npz", **merged)
        return Npz(path=str(tmp_path / "mine.npz")).load()

    return load


def test_a_written_dataset_reads_back_the_same(small, tmp_path):
    npz = Npz(path=str(tmp_path / "deep" / "copy.npz"))
    npz.write(small)
    copy = npz.load()
    assert copy.fingerprint() == small.fingerprint()
    assert (copy.environment, copy.reference) == (small.environment, small.reference)
    assert np.array_equal(copy.action_low, small.action_low)
    assert [file.name for file in (tmp_path / "deep").iterdir()] == ["copy.npz"]


def test_a_dataset_whose_steps_do_not_follow_one_another_reads_back_the_same(small, tmp_path):
    order = np.random.default_rng(0).permutation(len(small))
    names = ("observation", "action", "reward", "next_observation", "terminal", "timeout")
    shuffled = attrs.evolve(small, **{name: getattr(small, name)[order] for name in names})
    write_npz(shuffled, tmp_path / "shuffled.npz")
    copy = Npz(path=str(tmp_path / "shuffled.npz")).load()
    assert copy.fingerprint() == shuffled.fingerprint()


def test_an_unfinished_last_episode_reads_back_the_same(small, tmp_path):
    timeout = small.timeout.copy()
    timeout[-1] = False
    unfinished = attrs.evolve(small, timeout=timeout)
    write_npz(unfinished, tmp_path / "unfinished.npz")
    copy = Npz(path=str(tmp_path / "unfinished.npz")).load()
    assert copy.fingerprint() == unfinished.fingerprint()


def test_the_same_data_is_written_as_the_same_bytes(small, tmp_path):
    for name in ("one.npz", "two.npz"):
        write_npz(small, tmp_path / name)
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()


def test_successors_are_derived_within_episodes(load, arrays):
    data = load(arrays)
    assert data.observation[:, 0].tolist() == [0, 2, 4, 6, 8]
    assert data.next_observation[:, 0].tolist() == [2, 4, 4, 8, 10]
    assert data.terminal.tolist() == [False, False, True, False, False]
    assert data.timeout.tolist() == [False, False, False, False, True]
    assert data.reward.tolist() == [0, 1, 2, 3, 4]


def test_one_step_episodes_of_unknown_successor_vanish_without_a_cut_of_their_own(load, arrays):
    data = load(arrays, timeouts=np.array([0, 0, 0, 1, 0, 1]))
    assert data.observation[:, 0].tolist() == [0, 2, 4, 8]
    assert data.timeout.tolist() == [False, False, False, True]


def test_final_observations_spare_the_last_steps(load, arrays):
    data = load(arrays, final_observation=np.array([[50.0, 51.0], [60.0, 61.0]]))
    assert data.next_observation[:, 0].tolist() == [2, 4, 50, 8, 10, 60]
    assert data.timeout.tolist() == [False] * 5 + [True]


def test_given_successors_are_taken_as_they_are(load, arrays):
    data = load(arrays, next_observations=arrays["observations"] + 100)
    assert data.next_observation[:, 0].tolist() == [100, 102, 104, 106, 108, 110]
    assert len(data) == 6


def test_fields_in_the_singular_are_read_too(load, arrays):
    singular = {name.removesuffix("s"): array for name, array in arrays.items()}
    assert load(singular).fingerprint() == load(arrays).fingerprint()


def test_a_step_both_terminal_and_timeout_is_a_terminal(load, arrays):
    data = load(arrays, timeouts=np.array([0, 0, 1, 0, 0, 1]))
    assert (data.terminal & data.timeout).sum() == 0


def test_rewards_may_be_a_column(load, arrays):
    assert load(arrays, rewards=arrays["rewards"][:, None]).reward.shape == (5,)


def test_actions_between_minus_one_and_one_get_that_box(load, arrays):
    data = load(arrays)
    assert (data.action_low.tolist(), data.action_high.tolist()) == ([-1.0], [1.0])


def test_wider_actions_get_their_range_as_box(load, arrays):
    data = load(arrays, actions=4 * arrays["actions"], final_observation=np.zeros((2, 2)))
    assert (data.action_low.tolist(), data.action_high.tolist()) == ([-2.0], [2.0])


def test_a_file_may_name_its_environment_and_reference(load, arrays):
    environment = EnvironmentSpec(id="Pendulum-v1", kwargs={"g": 9.0}, horizon=50)
    reference = Reference(random_return=-900.0, expert_return=-150.0, source="us")
    data = load(
        arrays,
        environment=json.dumps(environment.as_json()),
        reference=json.dumps(attrs.asdict(reference)),
    )
    assert (data.environment, data.reference) == (environment, reference)


def test_a_file_may_name_neither(load, arrays):
    data = load(arrays)
    assert (data.environment, data.reference) == (None, None)


def refusal(words):
    return pytest.raises(DataError, match=re.escape(words))


def test_a_reference_without_a_span_is_refused(load, arrays):
    same = {"random_return": 5.0, "expert_return": 5.0, "source": "us"}
    with refusal("that differ; both are 5.0 (source: us)"):
        load(arrays, reference=json.dumps(same))


def test_no_path_is_refused():
    with refusal("dataset 'npz' needs a file: npz:FILE.npz"):
        Npz().load()


def test_a_missing_file_is_refused(tmp_path):
    with refusal(f"there is no file '{tmp_path}/none.npz'"):
        Npz(path=str(tmp_path / "none.npz")).load()


@pytest.mark.parametrize("content", [b"", b"not an archive", b"PK\x03\x04 broken"])
def test_another_kind_of_file_is_refused(tmp_path, content):
    (tmp_path / "odd.npz").write_bytes(content)
    with refusal("is not an .npz file of plain arrays"):
        Npz(path=str(tmp_path / "odd.npz")).load()


def test_a_bare_npy_file_is_refused(tmp_path):
    np.save(tmp_path / "bare.npy", np.zeros(3))
    with refusal("is not an .npz file of plain arrays"):
        Npz(path=str(tmp_path / "bare.npy")).load()


def test_pickled_objects_are_never_read(load, arrays):
    with refusal("(pickled objects are never read)"):
        load(arrays, observations=np.array([{"a": 1}] * 6, dtype=object))


@pytest.mark.parametrize("name", ["observations", "actions", "rewards"])
def test_a_missing_field_is_refused_and_what_is_there_named(load, arrays, name):
    rest = ", ".join(sorted(set(arrays) - {name}))
    with refusal(
        f"lacks the field {name.removesuffix('s')!r}; needed are observation, action, reward and "
        f"terminal or timeout, it has {rest}"
    ):
        load(arrays, **{name: None})


def test_data_without_any_ends_is_refused(load, arrays):
    with refusal("lacks both 'terminal' and 'timeout'; needed are"):
        load(arrays, terminals=None, timeouts=None)


@pytest.mark.parametrize("name", ["terminals", "timeouts"])
def test_one_sort_of_ends_is_enough(load, arrays, name):
    assert len(load(arrays, **{name: None})) > 0


def test_ends_of_another_length_are_refused(load, arrays):
    with refusal("terminal must be a vector with 6 rows, one per reward; its shape is (5,)"):
        load(arrays, terminals=np.zeros(5))


def test_ends_that_are_no_flags_are_refused(load, arrays):
    with refusal("timeout must hold 0 and 1 only"):
        load(arrays, timeouts=np.array([0, 0, 0, 0, 0, 0.5]))


def test_text_in_place_of_numbers_is_refused(load, arrays):
    with refusal("action must hold numbers; its type is <U1"):
        load(arrays, actions=np.array([["a"]] * 6))


def test_rows_that_do_not_match_are_refused(load, arrays):
    with refusal("observation must be a matrix with 6 rows, one per reward; its shape is (5, 2)"):
        load(arrays, observations=arrays["observations"][:5])


def test_an_observation_that_is_no_matrix_is_refused(load, arrays):
    with refusal("observation must be a matrix with 6 rows, one per reward; its shape is (6,)"):
        load(arrays, observations=np.zeros(6))


def test_actions_that_are_no_matrix_are_refused(load, arrays):
    with refusal("action must be a matrix, or an array of more dimensions, with 6 rows"):
        load(arrays, actions=np.zeros(6))


def test_nan_is_refused_with_the_files_own_row(load, arrays):
    spoilt = arrays["rewards"].copy()
    spoilt[4] = np.nan
    with refusal("reward is not finite in 1 of 6 rows, first in row 4"):
        load(arrays, rewards=spoilt)


def test_a_number_too_large_for_32_bits_is_refused(load, arrays):
    with refusal("reward is not finite in 6 of 6 rows"):
        load(arrays, rewards=np.full(6, 1e300))


def test_nan_actions_are_refused(load, arrays):
    with refusal("action is not finite in 6 of 6 rows"):
        load(arrays, actions=np.full((6, 1), np.nan))


def test_an_empty_file_is_refused(load):
    nothing = {name: np.zeros((0, 2)) for name in ("observations", "actions")}
    with refusal("has no transitions"):
        load(nothing | {"rewards": np.zeros(0), "terminals": np.zeros(0)})


def test_one_step_episodes_without_successors_are_refused(load, arrays):
    with refusal("has no step with a known successor"):
        load(arrays, terminals=np.zeros(6), timeouts=np.ones(6))


def test_too_few_final_observations_are_refused(load, arrays):
    with refusal("final_observation must have shape (2, 2), one row per episode"):
        load(arrays, final_observation=np.zeros((1, 2)))


def test_actions_outside_the_given_box_are_refused(load, arrays):
    with refusal("2 of 6 actions lie outside the box from [-0.375] to [0.375]"):
        load(arrays, action_low=np.array([-0.375]), action_high=np.array([0.375]))


def test_a_box_of_another_size_is_refused(load, arrays):
    with refusal("actions have shape (1,), their bounds (2,) and (2,)"):
        load(arrays, action_low=-np.ones(2), action_high=np.ones(2))


@pytest.mark.parametrize("text", ["not JSON", "[1]", '{"id": "Pendulum-v1"}'])
def test_an_environment_that_cannot_be_read_is_refused(load, arrays, text):
    with refusal(
        "environment must be a JSON object with id, horizon, kwargs and observation_keys; "
        f"got {text!r}"
    ):
        load(arrays, environment=text)


def test_a_reference_that_cannot_be_read_is_refused(load, arrays):
    with refusal("reference must be a JSON object with random_return, expert_return and source"):
        load(arrays, reference='{"random_return": "low"}')


def test_a_place_that_cannot_be_written_is_refused(small, tmp_path):
    (tmp_path / "file").write_text("")
    with refusal(f"'{tmp_path}/file/x.npz' cannot be written"):
        write_npz(small, tmp_path / "file" / "x.npz")


def test_a_failed_write_leaves_the_old_file_as_it_was(small, tmp_path, monkeypatch):
    write_npz(small, tmp_path / "x.npz")
    before = (tmp_path / "x.npz").read_bytes()

    def full(file, **arrays):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez_compressed", full)
    with refusal("cannot be written: No space left on device"):
        write_npz(small, tmp_path / "x.npz")
    assert (tmp_path / "x.npz").read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["x.npz"]


@pytest.mark.parametrize("final", [False, True])
def test_a_large_file_is_unpacked_once(load, arrays, final, tmp_path, monkeypatch):
    monkeypatch.setenv("AGENT_CACHE", str(tmp_path / "cache"))
    texts = {"environment": '{"id": "Pendulum-v1", "horizon": 50}'}
    texts |= {"final_observation": np.zeros((2, 2))} if final else {}
    plain = load(arrays, **texts)
    assert not (tmp_path / "cache").exists()
    monkeypatch.setattr(npz, "_LARGE", 0)
    first = load(arrays, **texts)
    monkeypatch.setattr(npz, "transitions", None)
    second = Npz(path=str(tmp_path / "mine.npz")).load()
    assert plain.fingerprint() == first.fingerprint() == second.fingerprint()
    assert plain.environment == second.environment
    assert np.array_equal(plain.action_low, second.action_low)
