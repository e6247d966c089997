"""Where OGBench's files are: where the user says, in OGBench's own folder, or at their source."""

import contextlib
import sys
import urllib.request
from pathlib import Path

from genpolicy.errors import DataError
from genpolicy.evaluation.ogbench_names import OGBenchName, import_ogbench

_URL = "https://rail.eecs.berkeley.edu/datasets/ogbench"
"""Where the ``ogbench`` package downloads from."""

_SECONDS = 10
"""How long the source is given to answer."""


def found_file(name: OGBenchName, path: str) -> Path:
    """Return the file with an OGBench dataset, downloading it where it is not there yet.

    Args:
        name: The dataset.
        path: The file; OGBench's own folder if empty.

    Raises:
        DataError: There is none, and it cannot be downloaded.
    """
    if path:
        return Path(path).expanduser()
    import_ogbench()
    from ogbench.utils import DEFAULT_DATASET_DIR

    file = Path(DEFAULT_DATASET_DIR).expanduser() / f"{name.data}.npz"
    if not file.is_file():
        _download(name.data, file)
    return file


def _download(data: str, file: Path) -> None:
    import ogbench

    url = f"{_URL}/{file.name}"
    try:
        request = urllib.request.Request(url, method="HEAD")
        urllib.request.urlopen(request, timeout=_SECONDS).close()
        with contextlib.redirect_stdout(sys.stderr):
            ogbench.download_datasets([data])
    except OSError as error:
        raise DataError(
            f"OGBench's {data!r} is not in {str(file.parent)!r} and cannot be downloaded from "
            f"{url} ({error}); name the file with dataset.path=FILE.npz, or make data like it with "
            "`agent datasets make`"
        ) from error
