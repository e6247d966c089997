"""The page on one's own data, from recordings to a loop, run as it is printed."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from genpolicy_cli.main import main

PAGE = (Path(__file__).parents[1] / "docs/own-data.md").read_text()
SHORT = {
    "gmpo": ("objective.critic_steps=20", "objective.policy_steps=20"),
    "bc": ("objective.steps=20",),
}
SMALL = ("network.hidden=16", "evaluation.fitted_q_steps=20", "--quiet", "--json")
ROBOT = """
import json
import numpy as np


class Arm:
    \"\"\"Two joints that torques accelerate.\"\"\"

    def __init__(self):
        self.state, self.torques = np.zeros(4), []

    def observe(self):
        return self.state.astype(np.float32)

    def apply(self, torque):
        self.torques.append(torque.tolist())
        velocity = self.state[2:] + 0.05 * torque
        self.state = np.concatenate([self.state[:2] + 0.05 * velocity, velocity])
        json.dump(self.torques, open("torques.json", "w"))
"""


def blocks(language):
    found = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    return [text for kind, text in found if kind == language]


def commands():
    """Return every command of the page, in order."""
    return [line for block in blocks("") for line in block.splitlines()]


def programs():
    return {re.match(r"# (\w+\.py)\n", block)[1]: block for block in blocks("python")}


def record(folder, episodes=12):
    """Write recordings of an arm that a noisy controller moves to its goal, or not in time."""
    random, goal = np.random.default_rng(0), np.array([0.5, -0.3])
    folder.mkdir()
    for number in range(episodes):
        state, lines = (
            np.append(random.uniform(-1.5, 1.5, 2), [0.0, 0.0]),
            ["t,q0,q1,dq0,dq1,u0,u1"],
        )
        for step in range(60):
            wanted = 4.0 * (goal - state[:2]) - 2.5 * state[2:] + random.normal(0.0, 0.5, 2)
            torque = np.clip(wanted, -2.0, 2.0)
            lines.append(",".join(f"{value:.6f}" for value in (0.05 * step, *state, *torque)))
            if np.linalg.norm(state[:2] - goal) < 0.04:
                break
            velocity = state[2:] + 0.05 * torque
            state = np.concatenate([state[:2] + 0.05 * velocity, velocity])
        (folder / f"episode-{number:03}.csv").write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Return a folder with recordings, the page's programs and the robot's own."""
    folder = tmp_path_factory.mktemp("robot")
    record(folder / "recordings")
    for name, text in {**programs(), "robot.py": ROBOT}.items():
        (folder / name).write_text(text)
    python("join.py", folder)
    return folder


def python(line, folder):
    return subprocess.run([sys.executable, *shlex.split(line)], cwd=folder, check=True)


@pytest.fixture
def agent(home, monkeypatch, capfd):
    monkeypatch.chdir(home)
    monkeypatch.setenv("AGENT_REGISTRY", str(home / "registry.db"))

    def call(line, *more):
        capfd.readouterr()
        status = main([*shlex.split(line.removeprefix("agent ")), *more])
        return status, capfd.readouterr().out

    return call


def train(agent, line):
    """Run a training command of the page, in small; returns the run's id."""
    objective = re.search(r"--objective (\w+)", line)[1]
    status, out = agent(line, *SHORT[objective], *SMALL)
    assert status == 0, out
    return json.loads(out)["runs"][0]["run"]


def test_the_page_holds_what_is_tested_here():
    known = ("python join.py", "python drive.py", "agent datasets ", "agent run ", "agent runs ")
    assert [line for line in commands() if not line.startswith(known)] == []
    assert set(programs()) == {"join.py", "drive.py"}
    assert len([line for line in commands() if line.startswith("agent run ")]) == 3


@pytest.mark.slow
def test_the_joined_file_is_well_and_looks_like_its_picture(agent, home):
    for line in commands():
        if line.startswith("agent datasets") and "environment" not in line:
            status, out = agent(line)
            assert status == 0, out
    assert (home / "robot.png").stat().st_size > 10_000
    with np.load(home / "robot.npz") as file:
        assert len(file["final_observation"]) == 12
        assert 0 < file["terminal"].sum() < 12
        assert (file["terminal"] | file["timeout"]).sum() == 12


@pytest.mark.slow
def test_what_it_trains_drives_the_robot(agent, home):
    training = [line for line in commands() if line.startswith("agent run ")]
    training = [line for line in training if "environment" not in line]
    assert len(training) == 2
    for line in training:
        run = train(agent, line)
        assert agent("agent runs --dataset npz:robot.npz")[0] == 0
        status, shown = agent(f"agent runs show {run} --json")
        assert status == 0
        for name in ("held_out/policy_loss", "fitted_q/value", "fitted_q/data_value"):
            assert name in shown, name
        python(f"drive.py runs/{run}/agent", home)
        torques = np.array(json.loads((home / "torques.json").read_text()))
        assert len(torques) == 200 * (4 if "chunk=4" in line else 1)
        assert (np.abs(torques) <= 2.0).all()


def test_a_simulator_of_other_sizes_is_refused_as_the_page_says(agent):
    checking, training = (line for line in commands() if "dataset.environment=" in line)
    status, out = agent(checking)
    assert status == 1
    assert "the environment observes 10 numbers, the data 4" in " ".join(out.split())
    assert agent(training, "--quiet")[0] == 2
