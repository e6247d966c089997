"""Prints the tables of docs/bandits.md: how far the runs of bandits.sh are from their aims."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import torch
from bandits_aims import BANDITS, COUNT, Aim, optimum, softmax_choice
from bandits_measures import ROOT, Outcome, outcomes

BETAS: Final = (1.0, 4.0, 16.0)
ETAS: Final = (1.0, 2.0, 4.0)
CANDIDATES: Final = 64
Tell = Callable[[Sequence[Outcome]], str]


def main() -> None:
    parser = argparse.ArgumentParser(description="How far policies are from their optimum.")
    parser.add_argument("--registry", type=Path, default=ROOT / "registry.db")
    registry = parser.parse_args().registry
    torch.set_num_threads(1)
    found = list(outcomes(registry))
    gtp = [outcome for outcome in found if is_gtp(outcome)]
    others = [outcome for outcome in found if not is_gtp(outcome)]
    print_distances(others)
    print_divergences(others)
    print_gtp(gtp)


def is_gtp(outcome: Outcome) -> bool:
    """Return whether a run aims at something else than pi*."""
    return outcome.case.method.split()[0] == "gtp"


def print_distances(found: Sequence[Outcome]) -> None:
    """Print distances to pi* and expected rewards."""
    columns = [(bandit, beta) for bandit in BANDITS for beta in BETAS]
    print_header(columns)
    print_aims([optimum(*column) for column in columns])
    chosen = f"one of {CANDIDATES} by softmax, all exact"
    print_row(chosen, [by_choice(*column, CANDIDATES) for column in columns])
    print_methods(found, columns, by_distance)


def print_divergences(found: Sequence[Outcome]) -> None:
    """Print divergences from mu, and from pi*, in nats."""
    known = [outcome for outcome in found if outcome.kl is not None]
    columns = [(bandit, beta) for bandit in BANDITS for beta in BETAS]
    print_header(columns)
    print_row("pi* itself", [f"{optimum(*column).known.kl:.3f}" for column in columns])
    print_methods(known, columns, by_divergence)


def print_gtp(found: Sequence[Outcome]) -> None:
    """Print how far GTP is from its own aim."""
    columns = [(bandit, eta) for bandit in BANDITS for eta in ETAS]
    aims = {(outcome.case.bandit, outcome.case.beta): outcome.aim for outcome in found}
    if all(column in aims for column in columns):
        print_header(columns, "eta")
        print_aims([aims[column] for column in columns])
        print_methods(found, columns, by_distance)


def print_header(columns: Sequence[tuple[str, float]], letter: str = "beta") -> None:
    told = [f"{bandit}, {letter} = {value:g}" for bandit, value in columns]
    print("\n| | " + " | ".join(told) + " |\n" + "|---" * (1 + len(told)) + "|")


def print_aims(aims: Sequence[Aim]) -> None:
    """Print what there is to be reached, how sure a distance is, and how far the data are."""
    own = [[aim.distance_of_itself(seed) for seed in range(8)] for aim in aims]
    print_row("its aim itself", [told(0.0, aim.known.reward) for aim in aims])
    print_row("other draws of that", [f"± {2000 * np.std(each, ddof=1):.1f}" for each in own])
    rewards = [aim.payoff.weighted(np.zeros_like).reward for aim in aims]
    starts = zip(aims, rewards, strict=True)
    print_row("the data", [told(aim.distance_of_data(), reward) for aim, reward in starts])


def print_methods(
    found: Sequence[Outcome], columns: Sequence[tuple[str, float]], tell: Tell
) -> None:
    for method in dict.fromkeys(outcome.case.method for outcome in found):
        cells = []
        for bandit, beta in columns:
            runs = [
                outcome
                for outcome in found
                if (outcome.case.method, outcome.case.bandit, outcome.case.beta)
                == (method, bandit, beta)
            ]
            cells.append(tell(runs) if runs else "")
        print_row(method, cells)


def print_row(name: str, cells: Sequence[str]) -> None:
    print(f"| {name} | " + " | ".join(cells) + " |")


def by_distance(runs: Sequence[Outcome]) -> str:
    return told(_mean([run.distance for run in runs]), _mean([run.reward for run in runs]))


def by_divergence(runs: Sequence[Outcome]) -> str:
    """Tell KL(pi || mu), and in brackets KL(pi || pi*)."""
    kl, excess = ([getattr(run, name) or 0.0 for run in runs] for name in ("kl", "excess"))
    return f"{_mean(kl):.3f} ({_mean(excess):.3f})"


def by_choice(bandit: str, beta: float, candidates: int) -> str:
    """Tell how far a softmax over exact samples by exact values is from pi*."""
    aim = softmax_choice(bandit, beta, candidates)
    actions = aim.draw(COUNT, np.random.default_rng(0))
    return told(optimum(bandit, beta).distance(actions), aim.known.reward)


def told(distance: float, reward: float) -> str:
    return f"{1000 * distance:.1f} ({reward:.3f})"


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


if __name__ == "__main__":
    main()
