"""Imports what a part's target names, and says in words why it cannot."""

import importlib
import importlib.resources
import inspect
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager

from genpolicy.discovery.advice import OWN
from genpolicy.discovery.capture import stdout_to_stderr
from genpolicy.discovery.patience import limited, patience
from genpolicy.discovery.records import PartEntry
from genpolicy.discovery.sources import Source
from genpolicy.discovery.words import describe, remedy
from genpolicy.errors import BrokenPartError, did_you_mean

DOCTOR = "see `agent plugins doctor`"
_MISSING = object()


def load_class(entry: PartEntry, base: type) -> type:
    """Import a part's class.

    Args:
        entry: The part; its target reads ``"package.module:Class"``.
        base: The class that it must be derived from.

    Raises:
        BrokenPartError: The module fails to import or lacks the class, or the class is not what
            its kind asks for; the message names the distribution, the part and what to do.
    """
    found = _load_attribute(entry)
    if not isinstance(found, type):
        raise _broken(entry, f"is of type {type(found).__name__} and not a class")
    if not issubclass(found, base):
        parents = ", ".join(each.__name__ for each in found.__bases__)
        raise _broken(entry, f"is a class of {parents}, but must be one of {base.__name__}")
    if inspect.isabstract(found):
        lacking = ", ".join(sorted(getattr(found, "__abstractmethods__", ())))
        raise _broken(entry, f"does not define {lacking}, which every {base.__name__} must")
    return found


def read_resource(entry: PartEntry) -> str:
    """Return the text of the file that a part's target ``"package:file#task"`` names.

    Raises:
        BrokenPartError: The package fails to import, or has no such file.
    """
    package, _, place = entry.spec.target.partition(":")
    name = place.partition("#")[0]
    try:
        with _watched(entry):
            files = {item.name: item for item in importlib.resources.files(package).iterdir()}
            if name in files:
                return files[name].read_text(encoding="utf-8")
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise _failed(entry, error) from error
    raise _broken(entry, f"is missing from its package{did_you_mean(name, list(files))}")


def call_local(entry: PartEntry) -> tuple[str, ...]:
    """Return what a dataset's function ``local`` lists, nothing where it has none.

    Raises:
        BrokenPartError: It cannot be imported, or fails.
    """
    if not entry.spec.local:
        return ()
    module, _, name = entry.spec.local.partition(":")
    try:
        with _watched(entry):
            return tuple(map(str, getattr(importlib.import_module(module), name)()))
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise _failed(entry, error) from error


def _load_attribute(entry: PartEntry) -> object:
    module_name, _, name = entry.spec.target.partition(":")
    try:
        with _watched(entry):
            module = importlib.import_module(module_name)
            found: object = getattr(module, name, _MISSING)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise _failed(entry, error) from error
    if found is _MISSING:
        classes = [key for key, value in vars(module).items() if isinstance(value, type)]
        raise _broken(entry, f"is missing from its module{did_you_mean(name, classes)}")
    return found


@contextmanager
def _watched(entry: PartEntry) -> Iterator[None]:
    """Keep the output clean, and limit how long a part of somebody else's may take."""
    seconds = math.inf if entry.distribution == OWN else patience(os.environ)
    task = f"importing {entry.spec.target}"
    with stdout_to_stderr(), limited(seconds, entry.distribution, task):
        yield


def _failed(entry: PartEntry, error: BaseException) -> BrokenPartError:
    advice = remedy(_source(entry), error)
    return BrokenPartError(f"{_name(entry)} failed to load ({describe(error)}): {advice}; {DOCTOR}")


def _broken(entry: PartEntry, problem: str) -> BrokenPartError:
    return BrokenPartError(
        f"{_name(entry)}: {entry.spec.target} {problem}; {entry.upgrade}; {DOCTOR}"
    )


def _name(entry: PartEntry) -> str:
    plugin = f"plugin {entry.distribution} {entry.version}"
    return f"{entry.kind} {entry.spec.name!r} of {plugin}"


def _source(entry: PartEntry) -> Source:
    module = entry.spec.target.partition(":")[0]
    return Source(
        entry.distribution, entry.version, entry.spec.name, module, lambda: None, entry.file
    )
