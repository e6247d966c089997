"""Which distributions may be imported: the user's allow and deny lists."""

import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase

import attrs

from genpolicy.discovery.advice import OWN
from genpolicy.discovery.sources import Source, normalise
from genpolicy.errors import did_you_mean

ALLOW = "AGENT_PLUGINS_ALLOW"
DENY = "AGENT_PLUGINS_DENY"


@attrs.frozen
class Permission:
    """The lists of patterns that a distribution's name is compared with.

    Args:
        allow: If not empty, only what matches one of these is imported.
        deny: What matches one of these is not, whether allowed or not.
    """

    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> "Permission":
        """Read both lists, names separated by commas, from environment variables."""
        return cls(_patterns(environ.get(ALLOW, "")), _patterns(environ.get(DENY, "")))

    def refusal(self, source: Source) -> str | None:
        """Return why a plugin must not be imported, or None; our own and single files may."""
        if source.distribution == OWN or source.is_file:
            return None
        named = f"plugin {source.distribution} {source.version} was not loaded"
        for pattern in self.deny:
            if fnmatchcase(source.distribution, pattern):
                return f"{named}, because {DENY} has {pattern!r}: remove that to use it"
        if self.allow and not any(fnmatchcase(source.distribution, each) for each in self.allow):
            return f"{named}, because {ALLOW} leaves it out: add {source.distribution!r} to use it"
        return None

    def idle(self, distributions: Iterable[str]) -> list[str]:
        """Return one sentence per pattern that fits none of these distributions, such as a typo."""
        known = list(distributions)
        return [
            f"{variable} has {pattern!r}, which no installed plugin's distribution is called"
            f"{did_you_mean(pattern, known)}"
            for variable, patterns in ((ALLOW, self.allow), (DENY, self.deny))
            for pattern in patterns
            if not any(fnmatchcase(name, pattern) for name in known)
        ]


def _patterns(text: str) -> tuple[str, ...]:
    return tuple(normalise(item) for item in re.split(r"[,\s]+", text) if item)
