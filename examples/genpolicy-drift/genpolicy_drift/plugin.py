"""What this distribution provides; light, because it is imported whenever parts are listed."""

from genpolicy import PartSpec, hookimpl, recipe_specs


@hookimpl
def genpolicy_backbones() -> list[PartSpec]:
    """Generative models."""
    summary = "noise straight to a sample, by drifting to the data"
    return [PartSpec(name="drift", summary=summary, target="genpolicy_drift.backbone:Drift")]


@hookimpl
def genpolicy_objectives() -> list[PartSpec]:
    """What a policy minimises."""
    summary = "a drifting policy that climbs Q (DriftQL)"
    return [PartSpec(name="drift-ql", summary=summary, target="genpolicy_drift.objective:DriftQL")]


@hookimpl
def genpolicy_recipes() -> list[PartSpec]:
    """Named settings: the files of the package ``recipes``."""
    return recipe_specs("genpolicy_drift.recipes")
