import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genpolicy.comparison.distances import energy_distance
from genpolicy_cli.main import main
from genpolicy_plugins.datasets.bandits import MultiPeak, Quadratic, draw_behaviour

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
BANDITS = pytest.mark.parametrize("bandit", [Quadratic, MultiPeak], ids=lambda b: b.title)


@pytest.fixture(scope="module")
def aims() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(BENCHMARKS)
        yield importlib.import_module("bandits_aims")


@BANDITS
def test_a_softmax_over_candidates_is_weighed_as_it_chooses(aims: Any, bandit: Any) -> None:
    """Against choosing itself: draw candidates, and one of them by the softmax of its value."""
    generator, beta, count = np.random.default_rng(5), 16.0, 4
    drawn = draw_behaviour(20_000 * count, generator).reshape(-1, count, 2)
    q = bandit.payoff.q(drawn.reshape(-1, 2)).reshape(-1, count)
    weight = np.exp(beta * q)
    place = (weight.cumsum(1) < generator.random((len(q), 1)) * weight.sum(1)[:, None]).sum(1)
    chosen_q = q[np.arange(len(q)), place]
    known = aims.softmax_choice(bandit.title, beta, count).known
    error = 5.0 * chosen_q.std() / len(q) ** 0.5
    assert known.reward == pytest.approx(chosen_q.mean(), abs=error)
    assert known.reward < aims.optimum(bandit.title, beta).known.reward - 0.02


@BANDITS
def test_more_candidates_come_nearer_to_the_optimum(aims: Any, bandit: Any) -> None:
    best = aims.optimum(bandit.title, 4.0).known
    few, many = (aims.softmax_choice(bandit.title, 4.0, count).known for count in (4, 64))
    assert few.reward < many.reward < best.reward + 1e-3
    assert many.kl == pytest.approx(best.kl, rel=0.1)


@BANDITS
def test_gtp_aims_at_what_its_weights_make_of_its_own_values(aims: Any, bandit: Any) -> None:
    """Every action of the data is weighed as GTP weighs it: by a V of its own."""
    eta, count, candidates, payoff = 2.0, 50_000, 4, bandit.payoff
    aim = aims.trajectory_policy(bandit.title, eta, candidates, 100.0)
    generator = np.random.default_rng(7)
    q = payoff.q(draw_behaviour(count, generator))
    v = payoff.q(aim.draw(count * candidates, generator)).reshape(count, candidates).mean(1)
    advantage = q - v
    weight = np.minimum(np.exp(eta * np.maximum(advantage, 0.0) / advantage.std()), 100.0)
    assert (weight @ q) / weight.sum() == pytest.approx(aim.known.reward, abs=0.01)


def test_gtp_whose_weights_are_cut_at_one_aims_at_the_data(aims: Any) -> None:
    aim = aims.trajectory_policy("quadratic", 2.0, 4, 1.0)
    assert aim.known.kl == pytest.approx(0.0, abs=1e-6)
    assert abs(aim.distance_of_data()) < 4e-3


def test_an_aim_is_at_no_distance_from_itself_and_far_from_the_data(aims: Any) -> None:
    aim = aims.optimum("multi-peak", 16.0)
    assert abs(aim.distance_of_itself(seed=1)) < 4e-3
    assert aim.distance_of_data() > 0.3
    x, y = (aim.draw(50, np.random.default_rng(seed)) for seed in (0, 1000))
    as_tensors = [importlib.import_module("torch").from_numpy(each) for each in (x, y)]
    assert aim.distance(x) == energy_distance(*as_tensors)


RUNS = {
    "gmpo": ("objective.beta=1", "objective.policy_steps=20"),
    "gmpg": ("objective.beta=4", "objective.policy_steps=1", "objective.policy_batch_size=8"),
    "sfbc": ("inference.beta=16", "inference.candidates=4"),
    "gtp": ("objective.eta=2", "objective.steps=5", "solver.steps=4"),
}


@pytest.mark.slow
def test_runs_are_measured_told_and_drawn(
    aims: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(BENCHMARKS)
    registry = ["--registry", str(tmp_path / "registry.db")]
    for name, options in RUNS.items():
        first = [] if name == "gtp" else ["objective.critic_steps=10"]
        first += ["objective.behaviour_steps=20"] if name in ("gmpg", "sfbc") else []
        asked = ["--dataset", "bandit/quadratic", "--objective", name, "--tag", "bandits"]
        assert main(["run", *asked, "--quiet", *registry, *options, *first]) == 0
    table = importlib.import_module("bandits_table")
    capsys.readouterr()
    monkeypatch.setattr(sys, "argv", ["bandits_table.py", *registry])
    table.main()
    lines = capsys.readouterr().out.splitlines()
    names = [line[2:].split()[0] for line in lines if line.startswith("| ") and line[2] != "|"]
    assert names.count("sfbc") == 1  # it has a distance, but no density of its own
    assert names.count("gmpo") == names.count("gmpg") == 2
    picture = tmp_path / "bandits.png"
    monkeypatch.setattr(sys, "argv", ["bandits_figure.py", *registry, "--out", str(picture)])
    importlib.import_module("bandits_figure").main()
    assert picture.stat().st_size > 10_000
