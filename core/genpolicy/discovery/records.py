"""What discovery found: plugins, the parts they provide, and copies that hide each other."""

from pathlib import Path
from typing import Literal

import attrs

from genpolicy.discovery.advice import OWN, upgrade
from genpolicy.discovery.spec import PartSpec

PluginState = Literal["ok", "partial", "broken", "denied"]


@attrs.frozen(kw_only=True)
class PartEntry:
    """One part, and who provides it.

    Args:
        kind: Its kind, one of :data:`genpolicy.discovery.spec.KINDS`.
        spec: What the plugin says about it.
        distribution: The normalised name of the distribution that provides it.
        version: That distribution's version.
        file: The single file that provides it, if no distribution does.
    """

    kind: str
    spec: PartSpec
    distribution: str
    version: str
    file: Path | None = None

    @property
    def full_name(self) -> str:
        """The name that no other distribution can claim, ``"distribution/name"``."""
        return f"{self.distribution}/{self.spec.name}"

    @property
    def label(self) -> str:
        """What errors call it, ``"backbone 'drift' of genpolicy-drift 1.0"``."""
        return f"{self.kind} {self.spec.name!r} of {self.distribution} {self.version}"

    @property
    def is_foreign(self) -> bool:
        """Whether somebody else than this program provides it."""
        return self.distribution != OWN

    @property
    def upgrade(self) -> str:
        """What to do when it does not work."""
        return upgrade(self.distribution, self.file)

    @property
    def advice(self) -> str:
        """What to do when it fails at work, as the end of a sentence; nothing for our own parts.

        Those fail at what the user asks of them, and installing them again would not help.
        """
        return f"; {self.upgrade}" if self.is_foreign else ""

    @property
    def claims(self) -> frozenset[str]:
        """Every bare name it answers to."""
        return frozenset((self.spec.name, *self.spec.aliases))


@attrs.frozen(kw_only=True)
class PluginRecord:
    """One entry point of the group ``genpolicy``, and how loading it went.

    Args:
        key: ``"distribution:entry-point"``.
        distribution: The normalised name of its distribution.
        version: That distribution's version.
        entry_point: The entry point's name.
        module: The module that it names.
        state: ``ok``; ``partial`` if some of its parts are usable; ``broken`` if none is;
            ``denied`` if it was not imported because the user does not want it.
        problems: One sentence per problem, each naming the distribution and what to do.
        traceback: Where it failed, if an exception was raised.
        import_seconds: How long its import took.
        heavy_modules: Heavy modules that its import was the first to pull in.
        printed: What it wrote to the standard output while loading.
        parts: The parts it provides, without those that were refused.
    """

    key: str
    distribution: str
    version: str
    entry_point: str
    module: str
    state: PluginState = "ok"
    problems: tuple[str, ...] = ()
    traceback: str | None = None
    import_seconds: float = 0.0
    heavy_modules: tuple[str, ...] = ()
    printed: str = ""
    parts: tuple[PartEntry, ...] = ()

    @property
    def problem(self) -> str | None:
        """All its problems in one line, or None."""
        return "; ".join(self.problems) or None


@attrs.frozen(kw_only=True)
class Duplicate:
    """Several installed copies of one distribution, of which Python sees the first.

    Args:
        distribution: Its normalised name.
        copies: Version and folder of each copy, in the order of ``sys.path``.
    """

    distribution: str
    copies: tuple[tuple[str, str], ...]

    @property
    def problem(self) -> str:
        """What is wrong, and what to do, in one sentence."""
        copies = ", ".join(f"{version} in {folder}" for version, folder in self.copies)
        return (
            f"{self.distribution} is installed {len(self.copies)} times ({copies}), and one copy "
            f"hides the others: run `pip uninstall {self.distribution}` until none is left, delete "
            "stale *.egg-info folders, and install it again"
        )
