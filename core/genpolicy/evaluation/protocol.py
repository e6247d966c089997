"""An evaluation protocol: how a policy is scored; scores compare only within one."""

import attrs

from genpolicy.recipe import Recipe, option


@attrs.frozen(kw_only=True)
class Protocol(Recipe):
    """How many episodes a policy is scored on, and which."""

    name: str = option("default", help="what this protocol is called; scores compare within one")
    episodes: int = option(100, help="episodes per evaluation", ge=1)
    environments: int = option(20, help="environments that act as one batch", ge=1)
    seed: int = option(
        100_000, help="episode k starts from seed + k; also seeds the acting noise", ge=0
    )
