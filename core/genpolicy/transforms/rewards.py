"""Rules by which papers change the rewards of a benchmark before they learn from them.

====================  ==========================================  =================================
``as-is``             r
``antmaze``           r − 1: every step costs until the goal       Kostrikov et al. 2021 (IQL),
                                                                   appendix B, arXiv 2110.06169
``antmaze-cql``       4 (r − 0.5)                                  Kumar et al. 2020 (CQL),
                                                                   arXiv 2006.04779, its code
``return-range``      1000 r / (largest − smallest return of an    Kostrikov et al. 2021 (IQL),
                      episode)                                     section 5, arXiv 2110.06169
====================  ==========================================  =================================

Scores are measured in the environment, whose rewards stay what they are.
"""

from typing import TYPE_CHECKING, Final, Literal, get_args

import attrs
import numpy as np
from numpy.typing import NDArray

from genpolicy.errors import DataError
from genpolicy.transforms.episodes import episode_returns

if TYPE_CHECKING:
    from genpolicy.dataset import Dataset

RewardRule = Literal["as-is", "antmaze", "antmaze-cql", "return-range"]
REWARD_RULES: Final = get_args(RewardRule)


@attrs.frozen(kw_only=True)
class RewardScale:
    """What a rule makes of a reward of the environment: ``scale * (reward - shift)``.

    Args:
        shift: What becomes 0.
        scale: What 1 beyond it becomes.
    """

    shift: float = 0.0
    scale: float = 1.0

    def of(self, reward: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return rewards as the rule has them, in 32-bit floats."""
        return (self.scale * (reward.astype(np.float64) - self.shift)).astype(np.float32)


def with_reward_rule(data: "Dataset", rule: RewardRule) -> "Dataset":
    """Return the data with their rewards changed by a rule.

    Args:
        data: The data.
        rule: One of ``REWARD_RULES``.

    Raises:
        DataError: ``return-range``, and all episodes have the same return.
    """
    if rule == "as-is":
        return data
    if rule == "antmaze":
        return _with(data, RewardScale(shift=1.0))
    if rule == "antmaze-cql":
        return _with(data, RewardScale(shift=0.5, scale=4.0))
    returns = episode_returns(data)
    spread = float(np.ptp(returns))
    if spread == 0.0:
        raise DataError(
            f"dataset {data.name!r}: all {len(returns)} episodes have the return {returns[0]:g}, "
            "so dataset.reward=return-range has no range to divide by; use dataset.reward=as-is"
        )
    return _with(data, RewardScale(scale=1000.0 / spread))


def _with(data: "Dataset", rewards: RewardScale) -> "Dataset":
    reward = rewards.of(data.reward)
    return attrs.evolve(data, reward=reward, rewards=rewards, origin=data.fingerprint())
