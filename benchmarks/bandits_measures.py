"""How near each run of bandits.sh comes to the policy that its objective aims at."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import attrs
import numpy as np
import torch
from bandits_aims import COUNT, Aim, optimum, trajectory_policy

from genpolicy.agent import Agent
from genpolicy.backbone import VelocityBackbone
from genpolicy.density import sample_with_log_prob
from genpolicy.discovery import Catalogue, load_catalogue
from genpolicy.registry import Registry, RunDetail, RunQuery
from genpolicy_plugins.datasets.bandits import Points, log_behaviour
from genpolicy_plugins.solvers.runge_kutta import RK4

ROOT: Final = Path(__file__).parents[1]
TEMPERATURES: Final = {"gtp": "objective.eta", "sfbc": "inference.beta"}
FINE: Final = RK4(steps=40)


@attrs.frozen(kw_only=True)
class Case:
    """What a run was asked for.

    Args:
        bandit: The bandit's title.
        method: The objective with its other options, as a user types them.
        beta: Its temperature, or GTP's eta.
    """

    bandit: str
    method: str
    beta: float


@attrs.frozen(kw_only=True, eq=False)
class Outcome:
    """What a run came to.

    Args:
        case: What it was asked for.
        aim: What it aims at.
        actions: What its agent does, ``[COUNT, 2]``.
        kl: KL(pi || mu) in nats, mu exact; ``None`` where the agent is not one sample of a density.
        excess: KL(pi || aim) in nats, likewise.
        told: KL(pi || cloned mu) in nats, as the last steps of training told it, if they did.
        seconds: How long it took to train.
    """

    case: Case
    aim: Aim
    actions: Points
    kl: float | None
    excess: float | None
    told: float | None
    seconds: float

    @property
    def distance(self) -> float:
        """The squared energy distance of its actions from the aim's."""
        return self.aim.distance(self.actions)

    @property
    def reward(self) -> float:
        """The mean true Q of its actions."""
        return float(self.aim.payoff.q(self.actions).mean())


def outcomes(registry: Path, tag: str = "bandits") -> Iterator[Outcome]:
    """Measure all finished runs of a tag, oldest first."""
    catalogue = load_catalogue()
    with Registry.open(registry, read_only=True) as opened:
        details = [
            opened.run(run.id) for run in reversed(opened.runs(RunQuery(states=("finished",))))
        ]
    for detail in details:
        if tag in detail.start.tags:
            yield measure(detail, catalogue)


def measure(run: RunDetail, catalogue: Catalogue) -> Outcome:
    """Let a run's agent act, and weigh its density."""
    agent = Agent.load(run.start.directory + "/agent", catalogue=catalogue)
    generator = torch.Generator().manual_seed(0)
    actions = agent.act(np.zeros((COUNT, 1), np.float32), generator).astype(np.float64)
    aim = aim_of(run)
    kl, excess = divergences(agent, aim)
    return Outcome(
        case=case_of(run),
        aim=aim,
        actions=actions,
        kl=kl,
        excess=excess,
        told=run.metrics[-1].values.get("policy/kl"),
        seconds=run.seconds,
    )


def case_of(run: RunDetail) -> Case:
    """Return what a run was asked for."""
    objective = str(_setting(run, "objective"))
    temperature = TEMPERATURES.get(objective, "objective.beta")
    asked = [key for key, origin in run.start.origins.items() if origin == "command line"]
    said = [key for key in asked if key not in ("dataset", "objective", temperature)]
    return Case(
        bandit=run.start.dataset.name.removeprefix("bandit/"),
        method=" ".join([objective, *(f"{key}={_setting(run, key)}" for key in said)]),
        beta=float(_setting(run, temperature)),
    )


def aim_of(run: RunDetail) -> Aim:
    """Return what a run aims at."""
    case = case_of(run)
    if _setting(run, "objective") != "gtp":
        return optimum(case.bandit, case.beta)
    candidates, cut = (_setting(run, f"objective.{key}") for key in ("candidates", "max_weight"))
    return trajectory_policy(case.bandit, case.beta, candidates, cut)


def divergences(agent: Agent, aim: Aim) -> tuple[float | None, float | None]:
    """Return KL(pi || mu) and KL(pi || aim), by the program's own log-densities."""
    policy = agent.models.roles[agent.recipe.objective.acting_role]
    inference = agent.recipe.chosen["inference"].entry.spec.name
    if inference != "sample" or not isinstance(policy, VelocityBackbone):
        return None, None
    condition = torch.zeros(COUNT, 1)
    noise = policy.draw_noise(condition, torch.Generator().manual_seed(1))
    with torch.no_grad():
        action, log_pi = sample_with_log_prob(policy, condition, noise, FINE)
    actions = action.double().numpy()
    kl = float(log_pi.double().mean()) - float(log_behaviour(actions).mean())
    gained = float(aim.log_weight(aim.payoff.q(actions)).mean()) - aim.known.log_z
    return kl, kl - gained


def _setting(run: RunDetail, key: str) -> Any:
    """Return a part's name or an option's value, by the key that a user types."""
    slot, _, option = key.rpartition(".")
    if slot == "train":
        return run.start.recipe["train"][option]
    part = run.start.recipe["parts"][slot or option]
    return part["options"][option] if slot else part["name"].removeprefix("genpolicy/")
