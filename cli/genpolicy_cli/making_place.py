"""Where ``agent datasets make`` writes to."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

import attrs

from genpolicy.errors import UsageError
from genpolicy_cli.dataset_choice import named_dataset
from genpolicy_cli.installed import catalogue

if TYPE_CHECKING:
    from genpolicy.dataset_abilities import WritableDataset

_SUFFIXES: Final = (".npz", ".hdf5")


@attrs.frozen
class Place:
    """Where a dataset is written to.

    Args:
        name: The dataset that it will be.
        file: The file, if it is one.
    """

    name: str
    file: Path | None

    @classmethod
    def named(cls, file: Path | None, minari: str | None) -> "Place":
        """Return the place that the options name.

        Raises:
            UsageError: They name none, two, or a file that is there or of another kind.
        """
        if (file is None) == (minari is None):
            raise UsageError("say where to: --out FILE.npz, --out FILE.hdf5 or --minari ID")
        if file is None:
            return cls(f"minari:{minari}", None)
        if file.exists():
            raise UsageError(f"--out names a new file; {str(file)!r} is there")
        if file.suffix not in _SUFFIXES:
            raise UsageError(
                f"--out names a new file that ends in .npz or .hdf5; got {str(file)!r}"
            )
        return cls(f"{file.suffix[1:]}:{file}", file)

    @property
    def partial(self) -> Path:
        """Where shards lie meanwhile; Minari's own folder may hold nothing but datasets."""
        from genpolicy.making import partial_folder
        from genpolicy.storage import cache_directory

        target = self.file or cache_directory() / "making" / self.name.replace("/", "-")
        return partial_folder(target)

    @property
    def beside(self) -> Path:
        """The file of the data to validate with, which OGBench's loader looks for."""
        assert self.file is not None
        return self.file.with_name(f"{self.file.stem}-val.npz")

    def target(self) -> "WritableDataset":
        """Return the dataset recipe that writes there.

        Raises:
            PartError: Nothing that is installed writes such a file.
        """
        from genpolicy.dataset_abilities import WritableDataset

        target = named_dataset(catalogue(), self.name).recipe
        assert isinstance(target, WritableDataset)
        return target
