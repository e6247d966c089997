"""Asks every backbone for one loss before a step is taken.

A loss that is not one number per row would mostly train all the same, for objectives average it: in
silence, and on another scale than every other backbone's.
"""

import copy
from collections.abc import Iterator
from contextlib import suppress

import torch

from genpolicy.backbone import Backbone
from genpolicy.composition.assemble import Models, Shapes
from genpolicy.composition.contract import builder_of
from genpolicy.discovery import PartEntry
from genpolicy.errors import BrokenPartError


def rehearse(models: Models, shapes: Shapes, device: torch.device) -> None:
    """Look at the shape of every backbone's loss of a few rows.

    Models and random numbers stay untouched.

    Raises:
        BrokenPartError: It is no ``[batch]``; the message names the part and its distribution.
    """
    rows = 2 + max(shapes.action_shape, default=0)  # as many as no dimension has
    sample = torch.zeros(rows, *shapes.action_shape, device=device)
    condition = torch.zeros(rows, shapes.observation_dim, device=device)
    for entry, model in _backbones(models):
        shape = _shape_of_loss(model, sample, condition)
        if shape not in (None, (rows,)):
            raise BrokenPartError(
                f"{entry.label} has a matching loss of shape {shape} for {rows} rows; it is one "
                f"number per row, [batch], summed over a sample's dimensions{entry.advice}"
            )


def _backbones(models: Models) -> Iterator[tuple[PartEntry, Backbone]]:
    recipe = models.recipe
    for role, model in models.roles.items():
        if isinstance(model, Backbone) and builder_of(recipe.objective, role) is None:
            yield recipe.chosen[recipe.slot_of(role, "backbone")].entry, model


def _shape_of_loss(
    model: Backbone, sample: torch.Tensor, condition: torch.Tensor
) -> tuple[int, ...] | None:
    """Return the shape; ``None`` where there is no loss, which training tells if it needs one."""
    devices = [sample.device] if sample.device.type == "cuda" else []
    with torch.random.fork_rng(devices), suppress(Exception):
        return tuple(copy.deepcopy(model).eval().matching_loss(sample, condition).shape)
    return None
