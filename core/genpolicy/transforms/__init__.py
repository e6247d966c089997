"""What is done to data before a run learns from it, each by an option of every dataset."""

from genpolicy.transforms.chunks import in_chunks
from genpolicy.transforms.n_step import with_n_step_returns
from genpolicy.transforms.rewards import REWARD_RULES, RewardRule, RewardScale, with_reward_rule
from genpolicy.transforms.selection import best_episodes, some_episodes
from genpolicy.transforms.units import Units, units_of

__all__ = [
    "REWARD_RULES",
    "RewardRule",
    "RewardScale",
    "Units",
    "best_episodes",
    "in_chunks",
    "some_episodes",
    "units_of",
    "with_n_step_returns",
    "with_reward_rule",
]
