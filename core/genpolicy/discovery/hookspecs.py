"""The plugin contract: one hook per kind of part, each returning frozen specs.

A distribution names a module under the entry-point group ``genpolicy``; that module implements any
of these hooks with the :data:`hookimpl` marker::

    from genpolicy import PartSpec, hookimpl

    @hookimpl
    def genpolicy_backbones() -> list[PartSpec]:
        return [PartSpec(name="drift", summary="…", target="genpolicy_drift.model:Drift")]

The module must be light: it is imported whenever parts are listed.
"""

from collections.abc import Iterable

import pluggy

from genpolicy.discovery.spec import KINDS, PartSpec

PROJECT = "genpolicy"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)

HOOKS = {f"genpolicy_{kind}s": kind for kind in KINDS}
"""The kind of part that each hook provides."""


@hookspec
def genpolicy_backbones() -> Iterable[PartSpec]:  # type: ignore[empty-body]
    """Generative models of a sample given a condition (:class:`genpolicy.BackboneRecipe`)."""


@hookspec
def genpolicy_networks() -> Iterable[PartSpec]:  # type: ignore[empty-body]
    """Neural nets inside a backbone (:class:`genpolicy.NetworkRecipe`)."""


@hookspec
def genpolicy_objectives() -> Iterable[PartSpec]:  # type: ignore[empty-body]
    """What a policy minimises, in which stages (:class:`genpolicy.Objective`)."""


@hookspec
def genpolicy_critics() -> Iterable[PartSpec]:  # type: ignore[empty-body]
    """Value estimates (:class:`genpolicy.CriticRecipe`)."""


@hookspec
def genpolicy_solvers() -> Iterable[PartSpec]:  # type: ignore[empty-body]
    """Transport of noise to a sample (:class:`genpolicy.Solver`)."""


@hookspec
def genpolicy_inferences() -> Iterable[PartSpec]:  # type: ignore[empty-body]
    """How an agent picks the action it takes (:class:`genpolicy.Inference`)."""


@hookspec
def genpolicy_datasets() -> Iterable[PartSpec]:  # type: ignore[empty-body]
    """Transitions, their environment and reference scores (:class:`genpolicy.DatasetRecipe`)."""


@hookspec
def genpolicy_recipes() -> Iterable[PartSpec]:  # type: ignore[empty-body]
    """Named settings as TOML files, such as a paper's (:func:`genpolicy.recipe_specs`)."""


@hookspec
def genpolicy_trackers() -> Iterable[PartSpec]:  # type: ignore[empty-body]
    """Mirrors of a run's metrics (:class:`genpolicy.TrackerRecipe`)."""
