"""Writes arrays of D4RL's kind as a ``.npz`` dataset that ``agent`` trains on and scores.

    python benchmarks/locomotion_data.py hopper ARRAYS.npz locomotion/hopper-medium.npz
    python benchmarks/locomotion_data.py halfcheetah ARRAYS.npz locomotion/halfcheetah-medium.npz

adds the environment, the returns between which scores are normalised, and the scale of rewards that
temperatures are published for: times 1000 / (largest - smallest return of an episode). Scores are
of the environment's own rewards. Prints the score of the policy that made the data.
"""

import json
import sys
from pathlib import Path

import numpy as np

from genpolicy.intervals import mean_interval

ENVIRONMENTS = {"hopper": "Hopper-v5", "halfcheetah": "HalfCheetah-v5"}
RETURNS = {"hopper": (-20.272305, 3234.3), "halfcheetah": (-280.178953, 12135.0)}  # D4RL's
HORIZON = 1000


def main() -> None:
    name, arrays, out = sys.argv[1:]
    random, expert = RETURNS[name]
    with np.load(arrays, allow_pickle=False) as archive:
        fields = dict(archive)
    returns = episode_returns(fields["rewards"], fields["terminals"] | fields["timeouts"])
    fields["rewards"] = fields["rewards"] * 1000 / np.ptp(returns)
    environment = {"id": ENVIRONMENTS[name], "horizon": HORIZON}
    reference = {"random_return": random, "expert_return": expert, "source": "D4RL"}
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    texts = {"environment": json.dumps(environment), "reference": json.dumps(reference)}
    np.savez_compressed(out, **fields, **texts)
    score = mean_interval([100 * (value - random) / (expert - random) for value in returns])
    print(f"{name}: the data's score is {score.mean:.1f} ± {score.half_width:.1f}")


def episode_returns(reward: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Return the sum of rewards of every whole episode."""
    total = np.cumsum(reward, dtype=np.float64)[end]
    return np.diff(total, prepend=0.0)


if __name__ == "__main__":
    main()
