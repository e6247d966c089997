"""Which entries of a dictionary observation make up the vector that a dataset holds."""

from typing import TYPE_CHECKING, Any

from genpolicy.errors import DataError

if TYPE_CHECKING:
    import gymnasium

_REPEATED = "achieved_goal"


def observation_keys(space: "gymnasium.Space[Any]", *, who: str) -> tuple[str, ...]:
    """Return the entries that make up an observation, none where it is an array already.

    A goal environment's ``observation`` and ``desired_goal`` come first, in this order, and its
    ``achieved_goal``, which repeats what the observation tells, is left out.

    Args:
        space: What is observed.
        who: What errors call the environment or dataset.

    Raises:
        DataError: It is neither an array nor a dictionary of arrays.
    """
    from gymnasium import spaces

    if isinstance(space, spaces.Box):
        return ()
    entries = dict(space.spaces) if isinstance(space, spaces.Dict) else {}
    if "observation" in entries and "desired_goal" in entries:
        rest = sorted(set(entries) - {"observation", "desired_goal", _REPEATED})
        keys = ("observation", "desired_goal", *rest)
    else:
        keys = tuple(entries)
    if not keys or not all(isinstance(entries[key], spaces.Box) for key in keys):
        raise DataError(
            f"{who} observes {space}; only arrays and dictionaries of arrays can be read"
        )
    return keys
