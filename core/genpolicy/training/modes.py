"""Whether models train or act, which makes a difference to dropout and its like."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def acting(models: Iterable[nn.Module]) -> Iterator[None]:
    """Let models act for a while; afterwards every module is in the mode it was in before."""
    models = list(models)
    modes = [(module, module.training) for model in models for module in model.modules()]
    try:
        for model in models:
            model.eval()
        yield
    finally:
        for module, training in modes:
            module.training = training
