"""An evaluation protocol: how a policy is scored; scores compare only within one."""

from typing import Final

import attrs

from genpolicy.recipe import Recipe, option, options_of


@attrs.frozen(kw_only=True)
class Protocol(Recipe):
    """How many episodes a policy is scored on, and which."""

    name: str = option("default", help="what this protocol is called; scores compare within one")
    episodes: int = option(100, help="episodes per evaluation", ge=1)
    environments: int = option(20, help="environments that act as one batch", ge=1)
    seed: int = option(
        100_000, help="episode k starts from seed + k; also seeds the acting noise", ge=0
    )

    @property
    def label(self) -> str:
        """What records call it: its name, with the options in which it is not the default.

        How many environments act as one batch counts among them, because a policy's noise is drawn
        batch by batch.
        """
        others = {name: getattr(self, name) for name in _DEFAULTS}
        changed = [f"{name}={value}" for name, value in others.items() if value != _DEFAULTS[name]]
        return f"{self.name}[{','.join(changed)}]" if changed else self.name


_DEFAULTS: Final = {
    name: option.default for name, option in options_of(Protocol).items() if name != "name"
}
