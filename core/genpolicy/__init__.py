"""What a plugin author imports: every public name, each loaded when it is first used.

``from genpolicy import PartSpec, hookimpl`` is light; names that need torch bring it along.
"""

import importlib
import importlib.metadata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from genpolicy.agent import Agent, load
    from genpolicy.backbone import (
        Backbone,
        BackboneRecipe,
        ConsistencyBackbone,
        DenoiserBackbone,
        FlowMapBackbone,
        GaussianPathBackbone,
        Model,
        OneStepBackbone,
        PathBackbone,
        SampleSpec,
        VelocityBackbone,
    )
    from genpolicy.critic import Critic, CriticRecipe, CriticSpec, ExpectileCritic, ValueCritic
    from genpolicy.dataset import Batch, Dataset, DatasetRecipe, EnvironmentSpec, Reference
    from genpolicy.discovery.hookspecs import hookimpl
    from genpolicy.discovery.recipes import recipe_specs
    from genpolicy.discovery.spec import PartSpec
    from genpolicy.guide import Guide
    from genpolicy.inference import Inference
    from genpolicy.network import Network, NetworkRecipe, NetworkSpec
    from genpolicy.objective import Loss, Objective, Stage
    from genpolicy.observer import Observer
    from genpolicy.path import GaussianPath
    from genpolicy.recipe import Recipe, option
    from genpolicy.solver import DifferentiableSolver, OdeSolver, Solver, VelocitySolver
    from genpolicy.tracker import TrackerRecipe

    __version__: str

__all__ = [
    "Agent",
    "Backbone",
    "BackboneRecipe",
    "Batch",
    "ConsistencyBackbone",
    "Critic",
    "CriticRecipe",
    "CriticSpec",
    "Dataset",
    "DatasetRecipe",
    "DenoiserBackbone",
    "DifferentiableSolver",
    "EnvironmentSpec",
    "ExpectileCritic",
    "FlowMapBackbone",
    "GaussianPath",
    "GaussianPathBackbone",
    "Guide",
    "Inference",
    "Loss",
    "Model",
    "Network",
    "NetworkRecipe",
    "NetworkSpec",
    "Objective",
    "Observer",
    "OdeSolver",
    "OneStepBackbone",
    "PartSpec",
    "PathBackbone",
    "Recipe",
    "Reference",
    "SampleSpec",
    "Solver",
    "Stage",
    "TrackerRecipe",
    "ValueCritic",
    "VelocityBackbone",
    "VelocitySolver",
    "__version__",
    "hookimpl",
    "load",
    "option",
    "recipe_specs",
]

_MODULES = {
    "agent": ("Agent", "load"),
    "backbone": (
        "Backbone",
        "BackboneRecipe",
        "ConsistencyBackbone",
        "DenoiserBackbone",
        "FlowMapBackbone",
        "GaussianPathBackbone",
        "Model",
        "OneStepBackbone",
        "PathBackbone",
        "SampleSpec",
        "VelocityBackbone",
    ),
    "critic": ("Critic", "CriticRecipe", "CriticSpec", "ExpectileCritic", "ValueCritic"),
    "dataset": ("Batch", "Dataset", "DatasetRecipe", "EnvironmentSpec", "Reference"),
    "discovery.hookspecs": ("hookimpl",),
    "discovery.recipes": ("recipe_specs",),
    "discovery.spec": ("PartSpec",),
    "guide": ("Guide",),
    "inference": ("Inference",),
    "network": ("Network", "NetworkRecipe", "NetworkSpec"),
    "objective": ("Loss", "Objective", "Stage"),
    "observer": ("Observer",),
    "path": ("GaussianPath",),
    "recipe": ("Recipe", "option"),
    "solver": ("DifferentiableSolver", "OdeSolver", "Solver", "VelocitySolver"),
    "tracker": ("TrackerRecipe",),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return importlib.metadata.version("genpolicy")
    if name not in _HOME:
        raise AttributeError(f"module 'genpolicy' has no attribute {name!r}", name=name)
    value = getattr(importlib.import_module(f"genpolicy.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
