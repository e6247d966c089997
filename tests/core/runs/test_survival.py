"""Runs that are killed, starved of memory or of disk space, at moments that nobody chose."""

import hashlib
import json
import random
import re
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest

from backdoor import Backdoor
from disks import enlarge, small_disk
from genpolicy.errors import RegistryError
from genpolicy.records import HELD_OUT
from genpolicy.registry import Registry
from genpolicy.training.checkpoint import KEEP
from ready import UNDISTURBED, Fate, Ready

pytestmark = pytest.mark.slow

KILLS, KILLS_OF_ONE_RUN = 40, 8
LOG_EVERY = 10
STEPS = 400
TINY = (
    "objective=gmpo",
    f"objective.critic_steps={STEPS}",
    f"objective.policy_steps={STEPS}",
    "objective.batch_size=8",
    "network=mlp",
    "network.hidden=8",
    "critic.hidden=8",
    "solver.steps=2",
    "train.checkpoint_seconds=0.05",
    f"train.log_every={LOG_EVERY}",
    "evaluation.held_out=0.25",
    "evaluation.fitted_q_steps=20",
)
MADE = ("--recipe", "none", "--dataset", "npz:made.npz", "--quiet")
WIDE = ("network.hidden=512,512", "objective.critic_steps=20", "objective.policy_steps=20")
TALKATIVE = ("train.log_every=1", "objective.critic_steps=300", "objective.policy_steps=300")
SCORED = (
    *("--dataset", "pointmaze/umaze", "--recipe", "none", "--quiet"),
    *("train.looks=4", "evaluation.episodes=2", "evaluation.environments=2"),
)
CHECKPOINT = "runs/*/checkpoints/step-*.safetensors"
AFTER_SOME = Fate(after=0.0, awaited=CHECKPOINT, files=KEEP + 1)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with data that the runs learn from."""
    folder = tmp_path_factory.mktemp("made")
    dice = np.random.default_rng(0)
    np.savez(
        folder / "made.npz",
        observation=dice.normal(size=(64, 3)).astype(np.float32),
        action=dice.uniform(-1, 1, (64, 2)).astype(np.float32),
        reward=dice.normal(size=64).astype(np.float32),
        terminal=np.arange(64) % 16 == 15,
    )
    return folder


@pytest.fixture(scope="module")
def ready(made, tmp_path_factory):
    folder = shutil.copytree(made, tmp_path_factory.mktemp("rehearsal") / "made")
    short = ("objective.critic_steps=10", "objective.policy_steps=10")
    with Ready(["run", *TINY, *SCORED, *short], folder) as ready:
        yield ready


@pytest.fixture
def new_folder(made, tmp_path):
    """Make folders for runs, each with the data."""
    numbers = iter(range(1000))
    return lambda: shutil.copytree(made, tmp_path / f"place{next(numbers)}")


@pytest.fixture(scope="module")
def undisturbed(ready, made, tmp_path_factory):
    """What a run on the made data leaves that nobody disturbed."""
    folder = shutil.copytree(made, tmp_path_factory.mktemp("undisturbed") / "made")
    ended = ready.run("run", *TINY, *MADE, folder=folder)
    assert ended.status == 0, ended.said
    return left_by(folder)


def the_run(folder):
    """Return all that the registry says of the only run, if it has one yet."""
    try:
        with Registry.open(folder / "registry.db", read_only=True) as registry:
            return next((registry.run(run.id) for run in registry.runs()), None)
    except RegistryError as error:
        if "there is no registry" in str(error) or "is empty" in str(error):
            return None
        raise


def left_by(folder):
    """Return what must not depend on whether a run was disturbed."""
    run = the_run(folder)
    metrics = [(record.stage, record.step, dict(record.values)) for record in run.metrics]
    episodes = [(record.step, record.episodes) for record in run.evaluations]
    return run.state, weights(folder), metrics, episodes


def check_what_is_left(folder, ended, before=None):
    """Check a registry and the files of its run after the end of a process; return the run.

    A process that was killed before it took a run up again leaves it as it was before, and one
    that was killed on its way out had finished it.
    """
    run = the_run(folder)
    if run is None:
        assert ended.status < 0, ended.said
        return None
    backdoor = Backdoor(f"sqlite:///{folder / 'registry.db'}")
    assert backdoor.faults() == []
    killed = ("running", "finished", before)
    expected = {0: ("finished",), 130: ("interrupted",)}.get(ended.status, killed)
    assert run.state in expected, ended
    check_records(run)
    check_files(run)
    if run.state == "running":
        backdoor.silence(61)
        assert the_run(folder).state == "lost"
    return the_run(folder)


def check_records(run):
    told = [record.step for record in run.metrics if record.stage != HELD_OUT]
    assert told == list(range(LOG_EVERY, told[-1] + 1 if told else 0, LOG_EVERY))
    saved = max((artifact.step for artifact in run.artifacts), default=0)
    assert len(told) >= saved // LOG_EVERY, "what came before a checkpoint is recorded before it"
    looked = [record.step for record in run.evaluations if record.selection is None]
    assert looked == sorted(set(looked))
    assert all(len(record.episodes) == 2 for record in run.evaluations)


def check_files(run):
    """Every file is what its record says; only checkpoints that newer ones replaced are gone."""
    there = sorted(Path(run.start.directory).glob("checkpoints/step-*"))
    for path in there:
        assert sha256(path).startswith(path.stem.rsplit("-", 1)[1]), "a whole file or none"
    for artifact in run.artifacts:
        path = Path(artifact.path)
        if artifact.kind == "checkpoint" and path not in there:
            assert sum(other.name > path.name for other in there) >= KEEP
        elif artifact.kind == "checkpoint":
            assert sha256(path) == artifact.sha256


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def some_fate(dice):
    """Choose a moment at the start of a process, or after its next checkpoint."""
    number = dice.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGKILL, signal.SIGTERM])
    if dice.random() < 0.3:
        return Fate(after=dice.uniform(0.0, 0.6), signal=number)
    return Fate(after=dice.uniform(0.0, 0.3), awaited=CHECKPOINT, signal=number)


def disturb_until_done(ready, folder, arguments, dice, most):
    """Begin a run, and resume it every time after it was killed; return how often it was."""
    call, before = ("run", *TINY, *arguments), None
    for count in range(most + 1):
        fate = some_fate(dice) if count < most else UNDISTURBED
        ended = ready.run(*call, folder=folder, fate=fate)
        assert ended.status in (0, 130, -signal.SIGKILL, -signal.SIGTERM), ended
        run = check_what_is_left(folder, ended, before)
        if run is not None and run.state == "finished":
            return count + (ended.status != 0)
        if run is not None:
            call, before = ("resume", run.id, "--quiet"), run.state
    raise AssertionError(f"an undisturbed process ended with {ended}")


def test_runs_killed_at_any_moment_come_to_what_they_would_have(ready, new_folder, undisturbed):
    dice = random.Random(0)
    kills = 0
    while kills < KILLS:
        folder = new_folder()
        kills += disturb_until_done(ready, folder, MADE, dice, KILLS_OF_ONE_RUN)
        assert left_by(folder) == undisturbed, f"after {kills} kills in all"


def test_runs_killed_while_they_are_scored_come_to_what_they_would_have(ready, new_folder):
    calm, wild = new_folder(), new_folder()
    assert ready.run("run", *TINY, *SCORED, folder=calm).status == 0
    assert disturb_until_done(ready, wild, SCORED, random.Random(1), 8) > 2
    assert left_by(wild) == left_by(calm)


@pytest.fixture
def killed(ready, new_folder):
    """A folder with a run that was killed after some checkpoints."""
    folder = new_folder()
    ended = ready.run("run", *TINY, *MADE, folder=folder, fate=AFTER_SOME)
    assert ended.status == -signal.SIGKILL, ended
    assert len(checkpoints(folder)) >= KEEP
    return folder


def checkpoints(folder):
    return sorted(folder.glob(CHECKPOINT))


def test_of_several_that_resume_a_killed_run_at_once_one_does(ready, killed, undisturbed):
    run = the_run(killed)
    ended = ready.run_at_once([("resume", run.id, "--quiet")] * 3, killed)
    assert sorted(each.status for each in ended) in ([0, 4, 4], [0, 2, 4], [0, 2, 2]), ended
    refused = [each.said for each in ended if each.status]
    assert all("is being trained by process" in said or "finished" in said for said in refused)
    assert left_by(killed) == undisturbed


def cut_short(path):
    path.write_bytes(path.read_bytes()[:-100])


def altered(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("damage", [cut_short, altered])
def test_a_damaged_checkpoint_is_recognised_and_the_one_before_it_serves(
    ready, killed, undisturbed, damage
):
    *_, earlier, newest = checkpoints(killed)
    damage(newest)
    ended = ready.run("resume", the_run(killed).id, folder=killed)
    assert ended.status == 0, ended.said
    assert f"checkpoint {newest.name} is damaged and was passed over" in ended.said
    assert f"goes on at step {int(earlier.name.split('-')[1]):,} of" in ended.said
    assert left_by(killed) == undisturbed


def test_a_run_without_memory_fails_with_a_sentence(ready, new_folder):
    folder = new_folder()
    huge = ("objective.batch_size=4000000", "network.hidden=256")
    ended = ready.run("run", *TINY, *MADE, *huge, folder=folder, fate=Fate(memory=500_000_000))
    assert ended.status == 1, ended.said
    run = the_run(folder)
    assert run.state == "failed"
    assert run.message.startswith(
        f"memory ran out at step 0 of {2 * STEPS}; take a smaller batch or network, or a device "
        f"with more memory; its traceback is in {run.start.directory}"
    )
    assert f"error: {run.message}" in ended.said


def test_a_checkpoint_that_the_disk_refuses_fails_the_run_and_keeps_its_records(ready, new_folder):
    calm, folder = new_folder(), new_folder()
    assert ready.run("run", *TINY, *MADE, *WIDE, folder=calm).status == 0
    ended = ready.run("run", *TINY, *MADE, *WIDE, folder=folder, fate=Fate(file_size=1_000_000))
    assert ended.status == 1, ended.said
    run = the_run(folder)
    assert run.state == "failed"
    assert re.fullmatch(
        r"the checkpoint of step \d+ cannot be written: File too large", run.message
    )
    assert checkpoints(folder) == []
    check_records(run)
    assert ready.run("resume", run.id, "--quiet", folder=folder).status == 0
    assert left_by(folder) == left_by(calm)


def test_a_run_on_a_disk_that_fills_up_loses_nothing_and_goes_on_later(ready, made, tmp_path):
    calm = shutil.copytree(made, tmp_path / "calm")
    assert ready.run("run", *TINY, *MADE, *TALKATIVE, folder=calm).status == 0
    with small_disk(tmp_path / "disk", "700k") as disk:
        folder = shutil.copytree(made, disk / "place")
        ended = ready.run("run", *TINY, *MADE, *TALKATIVE, folder=folder)
        assert ended.status in (1, 4), ended.said
        run = the_run(folder)
        assert Backdoor(f"sqlite:///{folder / 'registry.db'}").faults() == []
        enlarge(disk, "64m")
        if run.state != "finished":
            assert ready.run("resume", run.id, folder=folder).status == 0
        assert weights(folder) == weights(calm)
        assert told_in_all(folder) == told_in_all(calm)


def told_in_all(folder):
    """Return the metrics that a run has in its registry or beside it."""
    run = the_run(folder)
    told = {(record.stage, record.step): dict(record.values) for record in run.metrics}
    for line in beside(Path(run.start.directory)):
        if line["record"] == "MetricsRecord":
            told[line["stage"], line["step"]] = line["values"]
    return told


def beside(folder):
    file = folder / "unrecorded.jsonl"
    return [json.loads(line) for line in file.open()] if file.exists() else []


def weights(folder):
    return (Path(the_run(folder).start.directory) / "agent" / "weights.safetensors").read_bytes()
