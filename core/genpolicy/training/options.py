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
    threads: int = option(1, help="CPU threads of one training process", ge=1)
