"""The parts that come with the program; light, because it is imported to list them."""

from genpolicy import PartSpec, hookimpl

_PACKAGE = "genpolicy_plugins"


def _part(name: str, target: str, summary: str) -> PartSpec:
    return PartSpec(name=name, summary=summary, target=f"{_PACKAGE}.{target}", api_version=1)


@hookimpl
def genpolicy_backbones() -> list[PartSpec]:
    """Generative models."""
    return [
        _part("flow", "backbones.flow:Flow", "flow matching along straight lines (ICFM)"),
        _part("diffusion", "backbones.diffusion:Diffusion", "diffusion on a VP or GVP path"),
    ]


@hookimpl
def genpolicy_networks() -> list[PartSpec]:
    """Neural nets inside a backbone."""
    return [
        _part("mlp", "networks.mlp:MLP", "a multi-layer perceptron"),
        _part(
            "temporal-spatial-residual",
            "networks.temporal_spatial_residual:TemporalSpatialResidual",
            "a residual U-shaped net that reads time at every level",
        ),
    ]


@hookimpl
def genpolicy_solvers() -> list[PartSpec]:
    """Transport of noise to a sample."""
    return [
        _part("euler", "solvers.runge_kutta:Euler", "explicit Euler, order 1, fixed steps"),
        _part("midpoint", "solvers.runge_kutta:Midpoint", "midpoint rule, order 2, fixed steps"),
        _part("heun", "solvers.runge_kutta:Heun", "Heun's method, order 2, fixed steps"),
        _part("rk4", "solvers.runge_kutta:RK4", "classical Runge-Kutta, order 4, fixed steps"),
        _part("dopri5", "solvers.dopri5:Dopri5", "Dormand-Prince, order 5, adaptive steps"),
    ]


@hookimpl
def genpolicy_critics() -> list[PartSpec]:
    """Value estimates."""
    return [_part("iql", "critics.iql:IQL", "implicit Q-learning: expectile V under twin Q")]


@hookimpl
def genpolicy_objectives() -> list[PartSpec]:
    """What a policy minimises."""
    return [
        _part("bc", "objectives.bc:BC", "behaviour cloning, the baseline"),
        _part("gmpo", "objectives.gmpo:GMPO", "matching weighted by exponentiated advantage"),
        _part("gmpg", "objectives.gmpg:GMPG", "policy gradient through the generative model"),
    ]


@hookimpl
def genpolicy_inferences() -> list[PartSpec]:
    """How an agent picks the action it takes."""
    return [_part("sample", "inference.sample:SampleOnce", "one sample of the policy")]


@hookimpl
def genpolicy_datasets() -> list[PartSpec]:
    """Transitions, their environment and reference scores."""
    return [
        _part("pointmaze/umaze", "datasets.pointmaze:UMaze", "a ball in a U-shaped maze"),
        _part("pointmaze/medium", "datasets.pointmaze:Medium", "a ball in a medium maze"),
        _part("pointmaze/large", "datasets.pointmaze:Large", "a ball in a large maze"),
        _part("minari", "datasets.minari:Minari", "any dataset of Minari, local or remote"),
        _part("npz", "datasets.npz:Npz", "transitions in a NumPy archive of one's own"),
    ]


@hookimpl
def genpolicy_recipes() -> list[PartSpec]:
    """Named settings."""
    return [
        _part(
            "quick",
            "recipes:quick.toml",
            "small networks and few steps, for minutes on two CPU cores",
        )
    ]
