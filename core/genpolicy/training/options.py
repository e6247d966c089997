"""How a run trains, whatever it trains."""

from typing import Literal

import attrs

from genpolicy.recipe import Recipe, option


@attrs.frozen(kw_only=True)
class TrainOptions(Recipe):
    """What the training loop does beside the objective."""

    schedule: Literal["constant", "cosine"] = option(
        "constant", help="course of each stage's learning rate"
    )
    warmup_steps: int = option(0, help="steps over which a stage's learning rate rises", ge=0)
    clip_norm: float = option(0.0, help="largest gradient norm per role; 0 leaves it be", ge=0)
    ema: float = option(
        0.0, help="decay of the averaged policy that acts; 0 acts with the last weights", ge=0, lt=1
    )
    target_rate: float = option(
        0.005, help="share by which target_* copies of policies move per step", gt=0, le=1
    )
    log_every: int = option(100, help="steps between records of the metrics", ge=1)
    checkpoint_seconds: float = option(30.0, help="time between checkpoints", ge=0)
    looks: int = option(
        10, help="looks at the score while a stage trains the acting policy; 0 for none", ge=0
    )
    look_episodes: int = option(20, help="episodes per look", ge=1)
    resident: Literal["auto", "yes", "no"] = option(
        "auto", help="whether all data lie on the device; else in a file; auto looks for room"
    )
    compile: Literal["auto", "on", "off"] = option(
        "auto",
        help="compile losses with their gradients; auto: where it pays, and steps as CUDA graphs",
    )
    precision: Literal["full", "tf32", "bf16"] = option(
        "full", help="of matrix products while training; tf32: on CUDA alone; weights stay full"
    )
    threads: int = option(1, help="CPU threads of one training process", ge=1)
    online_steps: int = option(
        0, help="steps in the environment, learnt from as they are taken, after the stages", ge=0
    )
    online_replay: Literal["share", "append"] = option(
        "share", help="batches of online steps: a fixed share of the data, or data and steps alike"
    )
    online_offline_share: float = option(
        0.5, help="share of the data in a batch, of online_replay=share", ge=0, le=1
    )
    online_updates: int = option(1, help="optimiser steps per online step", ge=1)
    online_warmup: int = option(0, help="online steps before the first optimiser step", ge=0)
    online_noise: float = option(
        0.0, help="deviation of noise on online actions, in halves of their range", ge=0
    )

    @property
    def online_learning_steps(self) -> int:
        """How many optimiser steps the online steps come with."""
        return max(0, self.online_steps - self.online_warmup) * self.online_updates
