"""What a critic's loss or an inference asks for, answered with small installed parts."""

import functools
from collections.abc import Callable, Collection
from typing import Any, Final
from unittest import SkipTest

import attrs
import torch
from torch import nn

from genpolicy.backbone import Model, SampleSpec
from genpolicy.composition.contract import Need, builder_of, needs_of, returned_class
from genpolicy.composition.fit import fitting_parts
from genpolicy.critic import CriticSpec
from genpolicy.discovery import load_catalogue
from genpolicy.recipe import options_of
from genpolicy.testing.companions import companion, small_network

OBSERVATION: Final = 3
"""The length of an observation."""

_FIRST: Final = ("shortcut", "midpoint", "iql")  # what can do most, and is asked before all others
_SMALL: Final[dict[str, dict[str, Any]]] = {"solver": {"steps": 2}, "critic": {"hidden": (8,)}}


@attrs.frozen(eq=False)
class Answered:
    """A method with everything that it asks for.

    Args:
        call: The method, of what the program itself gives it alone.
        models: The models that it was given, by argument.
    """

    call: Callable[..., Any]
    models: dict[str, nn.Module]


def answered(
    method: Callable[..., Any], who: str, given: Collection[str], shape: tuple[int, ...]
) -> Answered:
    """Return a method with everything that it asks for filled in.

    Args:
        method: A critic's ``loss`` or an inference's ``act``.
        who: What to call its part in errors.
        given: The arguments that the program itself gives.
        shape: The shape of an action; observations have three numbers.

    Raises:
        SkipTest: No installed part can do what is asked.
    """
    torch.manual_seed(1)
    answers = {need.argument: _answer(need, shape) for need in needs_of(method, who, given)}
    models = {name: part.double() for name, part in answers.items() if isinstance(part, nn.Module)}
    return Answered(functools.partial(method, **answers), models)


def _answer(need: Need, shape: tuple[int, ...]) -> Any:
    names = fitting_parts(need, need.kind, load_catalogue())
    if not names and need.kind == "backbone":
        return _built_by_an_objective(need, shape)
    if not names:
        raise SkipTest(f"no {need.kind} is installed that {need.in_words()}")
    part = _small(need.kind, next((name for name in _FIRST if name in names), names[0]))
    if need.kind == "solver":
        return part
    if need.kind == "critic":
        return part.build(CriticSpec(observation_dim=OBSERVATION, action_shape=shape))
    return part.build(_sample_spec(shape), small_network())


def _small(kind: str, name: str) -> Any:
    part = companion(kind, name)
    known = options_of(type(part))
    return attrs.evolve(part, **{k: v for k, v in _SMALL.get(kind, {}).items() if k in known})


def _built_by_an_objective(need: Need, shape: tuple[int, ...]) -> Model:
    """Return a role that is no backbone from an objective that builds it itself."""
    for entry in load_catalogue().parts("objective"):
        objective = companion("objective", entry.full_name)
        builder = builder_of(objective, need.role)
        if builder is not None and need.met_by(returned_class(builder, Model)):
            model: Model = builder(_sample_spec(shape), small_network())
            return model
    raise SkipTest(f"no backbone or objective is installed with a model that {need.in_words()}")


def _sample_spec(shape: tuple[int, ...]) -> SampleSpec:
    return SampleSpec(sample_shape=shape, condition_dim=OBSERVATION)
