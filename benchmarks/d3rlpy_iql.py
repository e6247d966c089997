"""Trains d3rlpy's IQL on a file of the locomotion series, as an oracle for how far few steps get.

    python benchmarks/d3rlpy_iql.py locomotion/hopper-medium.npz Hopper-v5 --random -20.272305 \
        --expert 3234.3

In an environment of its own with d3rlpy 2. With the data, reward scale, batches, temperature and
first learning rates of that series; its rates stay, and its policy has two layers of 128, not
three. Prints the score of 20 episodes by the policy's mean after every 10 000 steps.
"""

import argparse

import d3rlpy
import gymnasium
import numpy as np
import torch

EPISODES = 20
STEPS = 10_000
SCALED_TO = 1000.0  # the difference between the largest and the smallest return


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file")
    parser.add_argument("environment")
    parser.add_argument("--random", type=float, required=True)
    parser.add_argument("--expert", type=float, required=True)
    parser.add_argument("--times", type=int, default=2)
    parser.add_argument("--seed", type=int, default=10)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    d3rlpy.seed(asked.seed)
    data, learner = read(asked.file), iql()
    for times in range(1, asked.times + 1):
        learner.fit(
            data,
            n_steps=STEPS,
            n_steps_per_epoch=STEPS,
            show_progress=False,
            logger_adapter=d3rlpy.logging.NoopAdapterFactory(),
        )
        score = (played(learner, asked.environment) - asked.random) / (asked.expert - asked.random)
        print(f"{times * STEPS} steps: {100 * score:.1f}", flush=True)


def read(file: str) -> d3rlpy.dataset.MDPDataset:
    """Return the transitions with scaled rewards."""
    arrays = np.load(file)
    terminal, timeout = arrays["terminals"], arrays["timeouts"].copy()
    timeout[-1] = not terminal[-1]
    stops = np.flatnonzero(terminal | timeout) + 1
    returns = np.add.reduceat(arrays["rewards"], np.r_[0, stops[:-1]])
    reward = arrays["rewards"] * (SCALED_TO / (returns.max() - returns.min()))
    return d3rlpy.dataset.MDPDataset(
        arrays["observations"],
        arrays["actions"],
        reward[:, None],
        terminal.astype(np.float32),
        timeouts=(timeout & ~terminal).astype(np.float32),
    )


def iql() -> d3rlpy.algos.IQL:
    """Return the algorithm at the start."""
    networks = d3rlpy.models.VectorEncoderFactory([128, 128])
    settings = d3rlpy.algos.IQLConfig(
        actor_learning_rate=1e-3,
        critic_learning_rate=1e-3,
        batch_size=256,
        gamma=0.99,
        tau=0.02,
        expectile=0.7,
        weight_temp=3.0,
        max_weight=100.0,
        actor_encoder_factory=networks,
        critic_encoder_factory=networks,
        value_encoder_factory=networks,
    )
    return settings.create(device="cpu:0")


def played(learner: d3rlpy.algos.IQL, environment: str) -> float:
    """Return the mean return of the policy's means."""
    world, returns = gymnasium.make(environment), []
    for episode in range(EPISODES):
        observation, _ = world.reset(seed=100_000 + episode)
        rewards, over = [], False
        while not over:
            action = learner.predict(observation[None].astype(np.float32))[0]
            observation, reward, ended, cut, _ = world.step(action)
            rewards.append(reward)
            over = ended or cut
        returns.append(sum(rewards))
    return float(np.mean(returns))


if __name__ == "__main__":
    main()
