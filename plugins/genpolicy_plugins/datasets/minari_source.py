"""Finds Minari's datasets: on this machine, else in the remote that their name or Minari tells.

What another remote than Minari's own holds is kept in a folder of its own, since two people may
call different data by one name.
"""

import contextlib
import os
import sys
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from genpolicy.errors import DataError

if TYPE_CHECKING:
    from minari import MinariDataset

_SECONDS: Final = 5
"""How long a remote may take to answer."""

_GOOGLE: Final = "https://storage.googleapis.com"

_KINDS: Final = {"hf": "hf", "gs": "gcp", "gcp": "gcp"}
"""What Minari calls the kinds of remotes, by how people write them."""


def open_minari(dataset_id: str) -> "MinariDataset":
    """Return a dataset, downloaded first where it is not on this machine yet.

    Args:
        dataset_id: Minari's id, with the remote before it if that is not Minari's own:
            ``"D4RL/door/human-v2"``, ``"hf://user/door/mine-v0"``.

    Raises:
        DataError: It is not here and cannot be downloaded; the message says why.
    """
    import minari

    remote, bare = _split(dataset_id)
    with _quietly(), _environment(**_apart(remote)):
        try:
            return minari.load_dataset(bare)
        except FileNotFoundError:
            pass
        try:
            _download(remote or _usual(), bare)
        except Exception as error:
            problem, cause = str(error).strip().partition("\n")[0], error
        else:
            return minari.load_dataset(bare)
    with _quietly():
        raise DataError(
            f"Minari dataset {dataset_id!r} is not on this machine and cannot be downloaded "
            f"({problem}); on this machine are: {_local()}"
        ) from cause


def _split(dataset_id: str) -> tuple[str | None, str]:
    """Return a dataset's remote, ``None`` for Minari's usual one, and its id there."""
    if "://" not in dataset_id:
        return None, dataset_id
    kind, _, path = dataset_id.partition("://")
    owner, _, bare = path.partition("/")
    if not owner or not bare:
        raise DataError(
            f"a Minari dataset of another remote reads hf://USER/NAMESPACE/NAME-v0; got "
            f"{dataset_id!r}"
        )
    remote = _spelt(f"{kind}://{owner}")
    return None if remote == _usual() else remote, bare


def _usual() -> str:
    from minari.storage.remotes import DEFAULT_REMOTE

    return _spelt(os.environ.get("MINARI_REMOTE") or DEFAULT_REMOTE)


def _spelt(remote: str) -> str:
    """Return a remote as Minari spells it."""
    kind, _, owner = remote.partition("://")
    return f"{_KINDS.get(kind, kind)}://{owner}"


def _apart(remote: str | None) -> dict[str, str]:
    """Return the environment variables that keep a remote's datasets apart from the usual ones."""
    from minari.storage import get_dataset_path

    if remote is None:
        return {}
    folder = get_dataset_path() / ".remotes" / remote.replace("://", "-")
    return {"MINARI_DATASETS_PATH": str(folder)}


def _download(remote: str, bare: str) -> None:
    """Download from a remote, which is set for all of Minari.

    Told it by the dataset's name alone, Minari looks for the namespaces in its usual one.
    """
    import minari

    if remote.partition("://")[0] not in _KINDS.values():
        raise ValueError(f"remotes read hf://USER or gs://BUCKET, not {remote}")
    _reach(remote)
    with _environment(MINARI_REMOTE=remote):
        minari.download_dataset(bare)


@contextlib.contextmanager
def _environment(**changed: str) -> Iterator[None]:
    """Set environment variables until the body ends."""
    before = {name: os.environ.get(name) for name in changed}
    os.environ.update(changed)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Keep what Minari prints off the standard output."""
    with contextlib.redirect_stdout(sys.stderr), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _reach(remote: str) -> None:
    """Ask the host once: Minari itself would try for half a minute before it gave up."""
    from huggingface_hub import constants, get_session

    host = constants.ENDPOINT if remote.startswith("hf://") else _GOOGLE
    try:
        get_session().head(host, timeout=_SECONDS)
    except Exception as error:
        raise ConnectionError(f"{host} does not answer: {error}") from error


def _local() -> str:
    import minari

    try:
        return ", ".join(sorted(minari.list_local_datasets())) or "none"
    except Exception as error:  # a folder without a version makes Minari fail for all of them
        return f"some that Minari cannot list ({error})"
