"""What plugins do while they are loaded that harms nothing, and that their authors can better."""

from collections.abc import Iterator
from typing import Final

from genpolicy.discovery.records import PluginRecord
from genpolicy.records import SINGLE_FILE

SLOW_SECONDS: Final = 0.5
"""How long a plugin may take to be imported before somebody should be told."""


def habits(plugin: PluginRecord) -> Iterator[str]:
    """Yield one sentence per habit, naming the distribution and what to do.

    A single file holds hooks and parts together, so it may be slow.
    """
    label = f"plugin {plugin.distribution} {plugin.version}"
    if plugin.distribution.startswith(SINGLE_FILE):
        pass
    elif plugin.heavy_modules:
        yield (
            f"{label} imports {', '.join(plugin.heavy_modules)} to be listed, which slows down "
            f"every command (its import took {plugin.import_seconds:.1f} s): {_plea(plugin)}"
        )
    elif plugin.import_seconds > SLOW_SECONDS:
        yield (
            f"{label} took {plugin.import_seconds:.1f} s to be imported, which slows down every "
            f"command: {_plea(plugin)}"
        )
    if plugin.printed.strip():
        line = plugin.printed.strip().splitlines()[0]
        yield (
            f"{label} prints while it is loaded: {line!r}; ask its authors to leave that out of "
            f"{plugin.module}"
        )


def _plea(plugin: PluginRecord) -> str:
    return (
        f"ask its authors to import that where a part is defined, not in {plugin.module} or its "
        "package's __init__.py"
    )
