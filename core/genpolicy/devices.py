"""Where models live, as a person names it."""

import torch

from genpolicy.errors import OptionError


def choose_device(name: str) -> torch.device:
    """Return the device that ``auto``, ``cpu``, ``cuda`` or ``cuda:N`` means on this machine.

    Raises:
        OptionError: There is no such device here; the message says which there are.
    """
    if name == "auto":
        return torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu")
    here = ["cpu", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))]
    wanted = "cuda:0" if name == "cuda" else name
    if wanted not in here:
        raise OptionError(f"there is no device {name!r}; this machine has {', '.join(here)}")
    return torch.device(wanted)
