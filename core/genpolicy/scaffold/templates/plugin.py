"""The parts of genpolicy-example; light, because it is imported whenever parts are listed."""

from genpolicy import PartSpec, hookimpl, recipe_specs

_PACKAGE = "genpolicy.scaffold.templates"


@hookimpl
def genpolicy_backbones() -> list[PartSpec]:
    """Generative models."""
    target = f"{_PACKAGE}.backbone:Example"
    return [PartSpec(name="example", summary="a straight flow", target=target)]


@hookimpl
def genpolicy_networks() -> list[PartSpec]:
    """Neural nets inside a backbone."""
    target = f"{_PACKAGE}.network:Example"
    return [PartSpec(name="example", summary="a residual perceptron", target=target)]


@hookimpl
def genpolicy_objectives() -> list[PartSpec]:
    """What a policy minimises."""
    target = f"{_PACKAGE}.objective:Example"
    return [PartSpec(name="example", summary="imitate the better actions", target=target)]


@hookimpl
def genpolicy_critics() -> list[PartSpec]:
    """Value estimates."""
    target = f"{_PACKAGE}.critic:Example"
    return [PartSpec(name="example", summary="TD(0): what the data's policy gets", target=target)]


@hookimpl
def genpolicy_solvers() -> list[PartSpec]:
    """Transport of noise to a sample."""
    target = f"{_PACKAGE}.solver:Example"
    return [PartSpec(name="example", summary="Ralston's method, order 2", target=target)]


@hookimpl
def genpolicy_inferences() -> list[PartSpec]:
    """How an agent picks the action it takes."""
    target = f"{_PACKAGE}.inference:Example"
    return [PartSpec(name="example", summary="the best of several samples", target=target)]


@hookimpl
def genpolicy_datasets() -> list[PartSpec]:
    """Transitions, their environment and reference scores."""
    target = f"{_PACKAGE}.dataset:Example"
    return [PartSpec(name="example", summary="a cart on a line", target=target)]


@hookimpl
def genpolicy_recipes() -> list[PartSpec]:
    """Named settings: the files of the package ``recipes``."""
    return recipe_specs(f"{_PACKAGE}.recipes")


@hookimpl
def genpolicy_trackers() -> list[PartSpec]:
    """Mirrors of a run's metrics."""
    target = f"{_PACKAGE}.tracker:Example"
    return [PartSpec(name="example", summary="lines of JSON", target=target)]
