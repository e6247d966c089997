"""How long a training step takes, eager and compiled, over its matrix products alone: its floor.

    python benchmarks/steps.py
    python benchmarks/steps.py --cases gmpg --rounds 10 --precision bf16 --eager
    python benchmarks/steps.py --cases "gmpo policy" "gmpo small" --constants

Steps on random transitions of 17 + 6 numbers in batches of 256, interleaved round by round with the
floor; medians in milliseconds, and medians of the ratios round by round. Prints rows of a table.
``--constants`` compares with steps that ask a critic at rest each time instead.
"""

import argparse
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import torch
from seeds import now, transitions

from genpolicy.agent import shapes_of
from genpolicy.bench.floor import Floor
from genpolicy.composition.layers import from_arguments
from genpolicy.composition.resolve import resolve
from genpolicy.discovery import load_catalogue
from genpolicy.training.constants import with_constants
from genpolicy.training.learner import Learner, course_of
from genpolicy.training.sampler import Sampler

Work = Callable[[], object]

_GENERATIVE_RL: Final = (
    "backbone=diffusion",
    "backbone.path=gvp",
    "backbone.head=velocity",
    "network=temporal-spatial-residual",
    "critic=iql",
    "objective.batch_size=256",
)
CASES: Final[Mapping[str, tuple[str, Sequence[str]]]] = {
    "gmpo policy": ("policy", ("objective=gmpo", *_GENERATIVE_RL)),
    "gmpo small": (
        "policy",
        (
            "objective=gmpo",
            "objective.batch_size=256",
            "network=mlp",
            "network.hidden=256,256,256",
            "critic.hidden=256,256",
        ),
    ),
    "iql critic": ("critic", ("objective=gmpo", *_GENERATIVE_RL)),
    "iql": ("joint", ("objective=iql",)),
    "fql": ("joint", ("objective=fql",)),
    "diffusion-ql": (
        "joint",
        (
            "objective=diffusion-ql",
            "network=mlp",
            "network.hidden=256,256,256",
            "network.activation=mish",
            "critic.hidden=256,256,256",
            "critic.activation=mish",
            "solver=ddpm:5",
        ),
    ),
    "gmpg": (
        "policy",
        ("objective=gmpg", *_GENERATIVE_RL, "objective.policy_batch_size=256", "solver=euler:10"),
    ),
    "gmpg probe": (
        "policy",
        (
            "objective=gmpg",
            *_GENERATIVE_RL,
            "objective.policy_batch_size=256",
            "objective.exact_divergence=false",
            "solver=euler:10",
        ),
    ),
}
"""A stage by the settings of its recipe, at the sizes of the papers' own networks."""


def main() -> None:
    asked = arguments()
    torch.set_num_threads(1)
    place = torch.device(asked.device)
    if asked.constants:
        compare_constants(asked, place)
        return
    print("| step | eager | compiled | floor | eager / floor | compiled / floor | warm-up, s |")
    print("|---|---|---|---|---|---|---|", flush=True)
    for case in asked.cases:
        eager = step(case, place, asked.precision, "off")
        eager()
        floor = Floor.of(step(case, place, "full", "off"))
        works: dict[str, Work] = {"eager": eager, "floor": floor}
        warmup = 0.0
        if not asked.eager:
            works["compiled"] = step(case, place, asked.precision, "on")
            start = now(place)
            works["compiled"]()
            warmup = now(place) - start
        print(row(case, measured(works, place, asked.rounds), warmup), flush=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--precision", choices=["full", "tf32", "bf16"], default="full")
    parser.add_argument("--eager", action="store_true", help="compile nothing")
    parser.add_argument("--constants", action="store_true", help="compare with asking every time")
    parser.add_argument("--device", default="cpu")
    return parser.parse_args()


def compare_constants(asked: argparse.Namespace, place: torch.device) -> None:
    """Print how much of a step is left where its constants are computed once."""
    print("| step | every step, ms | once, ms | once / every step |\n|---|---|---|---|", flush=True)
    for case in asked.cases:
        works = {
            "asking": step(case, place, asked.precision, "off", asks=True),
            "once": step(case, place, asked.precision, "off"),
        }
        times = measured(works, place, asked.rounds)
        asking, once = times["asking"], times["once"]
        ratio = statistics.median(new / old for new, old in zip(once, asking, strict=True))
        medians = f"{statistics.median(asking):.1f} | {statistics.median(once):.1f}"
        print(f"| {case} | {medians} | {ratio:.2f} |", flush=True)


def step(
    case: str, place: torch.device, precision: str, compile: str, *, asks: bool = False
) -> Work:
    """Return what takes the next step of a case's stage; whether its losses ask models at rest."""
    name, settings = CASES[case]
    train = (f"train.precision={precision}", f"train.compile={compile}")
    layer = from_arguments(("dataset=npz:none.npz", *settings, *train))
    recipe, data = resolve(load_catalogue(), [layer], recipe="none", seed=0), transitions()
    torch.manual_seed(0)
    learner = Learner(recipe, shapes_of(data), place)
    stages = course_of(recipe)
    number = next(number for number, stage in enumerate(stages) if stage.name == name)
    updates = learner.enter(number, stages[number])
    plain = Sampler(data, place)
    sampler = plain if asks else with_constants(plain, learner, stages[number])
    return lambda: learner.take_step(sampler.draw(stages[number].batch_size), updates)


def measured(
    works: Mapping[str, Work], place: torch.device, rounds: int
) -> Mapping[str, list[float]]:
    """Return how long each took, round by round, in milliseconds; the first is left out."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds + 1):
        for name, work in works.items():
            start = now(place)
            work()
            times[name].append(1e3 * (now(place) - start))
    return {name: each[1:] for name, each in times.items()}


def row(case: str, times: Mapping[str, list[float]], warmup: float) -> str:
    def median(name: str) -> str:
        return f"{statistics.median(times[name]):.1f}" if name in times else "–"

    def ratio(name: str) -> str:
        if name not in times:
            return "–"
        pairs = zip(times[name], times["floor"], strict=True)
        least = min(times[name]) / min(times["floor"])
        return f"{statistics.median(one / other for one, other in pairs):.2f} (least {least:.2f})"

    columns = [median("eager"), median("compiled"), median("floor")]
    columns += [ratio("eager"), ratio("compiled"), f"{warmup:.0f}"]
    return f"| {case} | {' | '.join(columns)} |"


if __name__ == "__main__":
    main()
