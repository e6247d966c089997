"""Writes a file that OGBench's own loader reads, column by column, shard by shard."""

import zipfile
from pathlib import Path

import numpy as np

from genpolicy.making import Shards
from genpolicy_plugins.datasets.npz_writer import replacing

_DATE = (1980, 1, 1, 0, 0, 0)
"""The same in every file, so that the same data are the same bytes."""


def write_ogbench(shards: Shards, path: Path) -> None:
    """Write the file, whole or not at all; no more than one shard is in memory.

    Raises:
        DataError: It cannot be written there.
    """
    with (
        replacing(path) as partial,
        zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for name in shards.names():
            _write_column(archive, name, shards)


def _write_column(archive: zipfile.ZipFile, name: str, shards: Shards) -> None:
    info = zipfile.ZipInfo(f"{name}.npy", date_time=_DATE)
    info.compress_type = zipfile.ZIP_DEFLATED
    rows = sum(len(piece) for piece in shards.column(name))
    first = next(iter(shards.column(name)))
    header = {
        "descr": np.lib.format.dtype_to_descr(first.dtype),
        "fortran_order": False,
        "shape": (rows, *first.shape[1:]),
    }
    with archive.open(info, "w", force_zip64=True) as file:
        np.lib.format.write_array_header_1_0(file, header)
        for piece in shards.column(name):
            file.write(np.ascontiguousarray(piece).tobytes())
