"""Where the trained agent lies that somebody names by its folder or by its run."""

from pathlib import Path

from genpolicy.errors import UnknownRunError, UsageError


def agent_folder(named: str, registry: str) -> Path:
    """Return the folder of a trained agent.

    Args:
        named: That folder, the folder of its run, or the run's id or how it begins.
        registry: Where runs are looked up.

    Raises:
        UsageError: The run trained nothing, or has not finished.
        RegistryError: There is neither such a folder nor such a run.
    """
    folder = Path(named) if Path(named).is_dir() else _recorded(named, registry)
    inner = folder / "agent"
    return inner if (inner / "agent.json").is_file() else folder


def _recorded(run: str, registry: str) -> Path:
    """Return the folder of a recorded run."""
    from genpolicy.registry import Registry

    if "/" in run:
        raise UnknownRunError(f"there is no folder {run!r}; name one that is there, or a run's id")
    with Registry.open(registry, read_only=True) as opened:
        detail = opened.run(run)
    if detail.start.reference is not None:
        raise UsageError(f"run {detail.id} measured {detail.start.measured} and trained no model")
    if detail.state != "finished":
        raise UsageError(
            f"run {detail.id} is {detail.state} and has no trained agent yet; `agent resume "
            f"{detail.id}` goes on with it"
        )
    return Path(detail.start.directory)
