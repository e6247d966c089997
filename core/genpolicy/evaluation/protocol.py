"""An evaluation protocol: how a policy is scored; scores compare only within one."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, Literal

import attrs

from genpolicy.errors import OptionError, did_you_mean
from genpolicy.protocols import PROTOCOLS
from genpolicy.recipe import Recipe, option, options_of

ScoredAgent = Literal["last", "mean-of-last-three", "best"]

LOOKS: Final[Mapping[ScoredAgent, int]] = {"last": 0, "mean-of-last-three": 3, "best": 1}
"""How many looks during training a final score is made of, at least."""

UNRECORDED: Final[Mapping[str, Any]] = MappingProxyType({"held_out": 0.0, "fitted_q_steps": 0})
"""What held for runs whose records know nothing of it."""

TELLING: Final = ("episodes", "environments", "seed", "selection")
"""The options that tell one protocol from another."""


@attrs.frozen(kw_only=True)
class Protocol(Recipe):
    """How a policy is scored: on which episodes, or without an environment on which data."""

    name: str = option("default", help="default, d4rl-last, fql or best; brings its options")
    episodes: int = option(100, help="episodes per evaluation", ge=1)
    environments: int = option(20, help="environments that act as one batch", ge=1)
    seed: int = option(
        100_000, help="episode k starts from seed + k; also seeds the acting noise", ge=0
    )
    selection: ScoredAgent = option(
        "last", help="what is scored: the last agent, or those of looks during training"
    )
    held_out: float = option(
        0.1, help="without an environment: share of the episodes kept from training", ge=0, lt=1
    )
    fitted_q_steps: int = option(
        10_000, help="without an environment: steps of fitted-Q evaluation; 0 for none", ge=0
    )
    fitted_q_discount: float = option(
        0.99, help="discount per step of the environment in fitted-Q values", gt=0, lt=1
    )

    @property
    def label(self) -> str:
        """What records call it: its name, with the options in which it is not as the name says.

        How many environments act as one batch counts among them, because a policy's noise is drawn
        batch by batch.
        """
        own = {**_DEFAULTS, **(PROTOCOLS[self.name].options if self.name in PROTOCOLS else {})}
        others = {name: getattr(self, name) for name in TELLING}
        changed = [f"{name}={value}" for name, value in others.items() if value != own[name]]
        return f"{self.name}[{','.join(changed)}]" if changed else self.name


def protocol_options(name: Any) -> Mapping[str, Any]:
    """Return the options that a named protocol brings.

    Raises:
        OptionError: There is no such protocol.
    """
    if name not in PROTOCOLS:
        raise OptionError(f"there is no protocol {name!r}{did_you_mean(str(name), [*PROTOCOLS])}")
    return PROTOCOLS[name].options


def named_protocol(name: str, below: Protocol) -> Protocol:
    """Return a named protocol; what tells no protocol from another is as in the one ``below`` it.

    Raises:
        OptionError: There is no such protocol.
    """
    own = {option: _DEFAULTS[option] for option in TELLING}
    return attrs.evolve(below, **{**own, **protocol_options(name), "name": name})


def check_looks(protocol: Protocol, looks: int, where: str = "train.looks={}") -> None:
    """Refuse a protocol that scores looks during training where there are too few of them.

    Args:
        protocol: The protocol.
        looks: How many there are.
        where: Where, with a place for their number.

    Raises:
        OptionError: They are too few.
    """
    needed = LOOKS[protocol.selection]
    if looks < needed:
        which = "the last three looks" if needed > 1 else "the best look"
        raise OptionError(
            f"protocol {protocol.label!r} scores {which} during training, and "
            f"{where.format(looks)}; set train.looks to {needed} or more (10 is usual), or "
            "evaluation.selection=last"
        )


_DEFAULTS: Final = {name: option.default for name, option in options_of(Protocol).items()}
