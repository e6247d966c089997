"""The evaluation protocols that have names, without a heavy import.

=============  ==========  =======================  ===============================================
name           episodes    of                       as in
=============  ==========  =======================  ===============================================
``default``    100         the last agent           ours
``d4rl-last``  10          the last agent           Fujimoto & Gu 2021 (TD3+BC), arXiv 2106.06860,
                                                    its code; Kostrikov et al. 2021 (IQL), arXiv
                                                    2110.06169, its code's default
``fql``        50 each     the last three looks     Park et al. 2025 (FQL), arXiv 2502.02538
                           during training
``best``       100 each    the look that scored     ours, and named for what it is: it has seen the
                           best during training     score that it reports
=============  ==========  =======================  ===============================================

IQL and CORL play 100 episodes on AntMaze: ``d4rl-last`` with ``evaluation.episodes=100``. FQL looks
every 100 000 of 1 000 000 steps and reports the mean of those at 800 000, 900 000 and 1 000 000:
the last three of ten, which ``train.looks`` has by default.
"""

from collections.abc import Mapping
from typing import Any, Final

import attrs


@attrs.frozen
class NamedProtocol:
    """A protocol that has a name.

    Args:
        summary: What it is, in a line.
        options: What it is beside the defaults, by option.
    """

    summary: str
    options: Mapping[str, Any] = attrs.field(factory=dict)


PROTOCOLS: Final[Mapping[str, NamedProtocol]] = {
    "default": NamedProtocol("100 episodes of the last agent"),
    "d4rl-last": NamedProtocol(
        "10 episodes of the last agent, as TD3+BC and IQL on D4RL", {"episodes": 10}
    ),
    "fql": NamedProtocol(
        "50 episodes at each of the last three looks, as FQL on OGBench",
        {"episodes": 50, "selection": "mean-of-last-three"},
    ),
    "best": NamedProtocol(
        "100 episodes of the agent that did best when looked at", {"selection": "best"}
    ),
}
