"""How a failure of foreign code is told to people."""

import traceback

from genpolicy.discovery.advice import OWN, editable_folder
from genpolicy.discovery.patience import PATIENCE, OutOfPatienceError
from genpolicy.discovery.sources import Source

_LONGEST = 200


def describe(error: BaseException) -> str:
    """Return an exception in a few words, whatever it is."""
    if isinstance(error, SystemExit):
        return f"it called sys.exit({_text(error)})"
    if isinstance(error, OutOfPatienceError):
        return _text(error)
    return f"{type(error).__name__}: {_text(error)}".rstrip(": ")


def remedy(source: Source, error: BaseException) -> str:
    """Return what to do about an exception raised while a plugin's code was imported."""
    if isinstance(error, OutOfPatienceError):
        return f"{source.upgrade}; {PATIENCE}=300 would wait for 300 s"
    missing = (error.name or "").partition(".")[0] if isinstance(error, ImportError) else ""
    if source.distribution == OWN or not missing:
        return source.upgrade
    if source.is_file or editable_folder(source.distribution):
        declared = "" if source.is_file else " and add it to its dependencies"
        return f"{source.upgrade}, or install {missing!r}{declared}"
    if missing == "genpolicy":
        return (
            "it was written for another version of genpolicy; upgrade both with "
            f"`pip install -U genpolicy {source.distribution}`"
        )
    if not isinstance(error, ModuleNotFoundError):
        return source.upgrade
    if missing == source.module.partition(".")[0]:
        return (
            "its files are incomplete; reinstall it with "
            f"`pip install --force-reinstall --no-deps {source.distribution}`"
        )
    return (
        f"install what it needs with `pip install {source.distribution}`, which brings missing "
        f"dependencies, or remove it with `pip uninstall {source.distribution}`"
    )


def format_traceback(error: BaseException) -> str:
    """Return the traceback as Python would print it."""
    return "".join(traceback.format_exception(error)).rstrip()


def _text(error: BaseException) -> str:
    try:
        lines = str(error).strip().splitlines()
    except Exception:
        return "(its message cannot be printed)"
    text = lines[0] if lines else ""
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"
