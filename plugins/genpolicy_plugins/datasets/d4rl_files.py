"""Finds D4RL's files: in a folder, or at an address from which they are downloaded once."""

import hashlib
import os
import shutil
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Final

from genpolicy.errors import DataError
from genpolicy.storage import cache_directory
from genpolicy_plugins.datasets.d4rl_names import FOLDER, HOST, d4rl_file, is_address
from genpolicy_plugins.datasets.npz_writer import replacing

_SECONDS: Final = 20
"""How long the address is given to answer."""


def found_file(name: str, source: str) -> Path:
    """Return the file of a dataset.

    Args:
        name: D4RL's name of it.
        source: A folder, a file, or an address of either; ``AGENT_D4RL`` or D4RL's own folder if
            empty.

    Raises:
        DataError: There is no such file, or it cannot be downloaded.
    """
    place = source or os.environ.get("AGENT_D4RL") or FOLDER
    if is_address(place):
        return _downloaded(name, place)
    folder, known = Path(place).expanduser(), d4rl_file(name)
    if folder.is_file():
        return folder
    file = next((file for file in known.places(name, folder) if file.is_file()), None)
    if file is None:
        raise DataError(
            f"D4RL's {name!r} is not in {str(folder)!r}, which has no {_file_name(name)!r}; name "
            f"its folder with dataset.source=FOLDER, or let it be downloaded with "
            f"dataset.source={HOST}"
        )
    return file


def _file_name(name: str) -> str:
    return d4rl_file(name).file.rpartition("/")[2]


def _downloaded(name: str, place: str) -> Path:
    whole = urllib.parse.urlparse(place).path.endswith((".hdf5", ".h5"))
    address = place if whole else f"{place.rstrip('/')}/{d4rl_file(name).file}"
    code = hashlib.sha256(address.encode()).hexdigest()[:8]
    file = cache_directory() / "downloads" / f"{code}-{address.rpartition('/')[2]}"
    if not file.is_file():
        with replacing(file) as partial:
            _download(name, address, partial)
    return file


def _download(name: str, address: str, file: Path) -> None:
    try:
        with urllib.request.urlopen(address, timeout=_SECONDS) as answer, file.open("wb") as copy:
            shutil.copyfileobj(answer, copy)
            wanted = answer.headers.get("Content-Length")
    except OSError as error:
        raise DataError(
            f"D4RL's {name!r} cannot be downloaded from {address} ({error}); name a folder that "
            f"has {_file_name(name)!r} with dataset.source=FOLDER"
        ) from error
    if wanted is not None and file.stat().st_size != int(wanted):
        raise DataError(
            f"D4RL's {name!r} was cut short on its way from {address}: {file.stat().st_size} of "
            f"{wanted} bytes came; try again"
        )
