"""The parts that come with the program; light, because it is imported to list them."""

from genpolicy import PartSpec, hookimpl, recipe_specs

_PACKAGE = "genpolicy_plugins"


def _part(name: str, target: str, summary: str, *aliases: str) -> PartSpec:
    place = f"{_PACKAGE}.{target}"
    return PartSpec(name=name, summary=summary, target=place, aliases=aliases, api_version=1)


def _data(name: str, target: str, summary: str, where: str, local: str = "") -> PartSpec:
    """Return a dataset; ``local`` is the function that lists those on this machine."""
    found = f"{_PACKAGE}.datasets.local:{local}" if local else ""
    place = f"{_PACKAGE}.datasets.{target}"
    return PartSpec(
        name=name, summary=summary, target=place, api_version=1, where=where, local=found
    )


@hookimpl
def genpolicy_backbones() -> list[PartSpec]:
    """Generative models."""
    return [
        _part("flow", "backbones.flow:Flow", "flow matching along straight lines (ICFM)"),
        _part("diffusion", "backbones.diffusion:Diffusion", "diffusion on a VP, GVP or VE path"),
        _part(
            "consistency",
            "backbones.consistency:Consistency",
            "consistency training: from any noise level to a sample (CT, iCT)",
        ),
        _part(
            "trajectory",
            "backbones.trajectory:Trajectory",
            "generative trajectories: from any time to any later one (GTP)",
        ),
        _part(
            "ot-flow",
            "backbones.ot_flow:OTFlow",
            "flow matching on noise paired with data by optimal transport",
        ),
        _part("shortcut", "backbones.shortcut:Shortcut", "jumps learned from jumps half as long"),
        _part(
            "mean-flow",
            "backbones.mean_flow:MeanFlow",
            "average velocity from its own time derivative",
        ),
        _part(
            "bidirectional",
            "backbones.bidirectional:Bidirectional",
            "a map for which two jumps are one (BFQ)",
        ),
        _part("one-step", "backbones.one_step:OneStep", "noise straight to a sample"),
        _part("gaussian", "backbones.gaussian:Gaussian", "a diagonal Gaussian, the plain policy"),
        _part("deterministic", "backbones.deterministic:Deterministic", "a plain regression"),
    ]


@hookimpl
def genpolicy_networks() -> list[PartSpec]:
    """Neural nets inside a backbone."""
    return [
        _part("mlp", "networks.mlp:MLP", "a multi-layer perceptron"),
        _part(
            "residual-mlp",
            "networks.residual_mlp:ResidualMLP",
            "a residual perceptron with layer norm and dropout",
        ),
        _part(
            "temporal-spatial-residual",
            "networks.temporal_spatial_residual:TemporalSpatialResidual",
            "a residual U-shaped net that reads time at every level",
        ),
        _part(
            "transformer",
            "networks.transformer:Transformer",
            "a transformer over the tokens of a chunk or a plan",
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
        _part("dpm-solver++", "solvers.dpm_solver:DPMSolver", "2M: order 2 in the log-SNR"),
        _part("ddim", "solvers.ddim:DDIM", "through the denoiser, order 1 in the noise level"),
        _part("ddpm", "solvers.ddpm:DDPM", "ancestral: a draw from the posterior of every step"),
        _part("sde", "solvers.sde:SDE", "the reverse SDE, by Euler-Maruyama"),
        _part(
            "jump", "solvers.jump:Jump", "learned maps: any number of jumps, noise renewed or not"
        ),
        _part(
            "torchdiffeq",
            "solvers.torchdiffeq_solvers:TorchDiffEq",
            "a method of torchdiffeq by its name; needs genpolicy[torchdiffeq]",
        ),
    ]


@hookimpl
def genpolicy_critics() -> list[PartSpec]:
    """Value estimates."""
    return [
        _part("iql", "critics.iql:IQL", "implicit Q-learning: expectile V under twin Q"),
        _part("double-q", "critics.double_q:DoubleQ", "twin Q, backed up by the policy's samples"),
        _part(
            "in-sample-softmax",
            "critics.in_sample_softmax:InSampleSoftmax",
            "twin Q, backed up by the softmax over samples of the behaviour",
        ),
        _part("ensemble", "critics.ensemble:Ensemble", "many Q, less a share of their spread"),
    ]


@hookimpl
def genpolicy_objectives() -> list[PartSpec]:
    """What a policy minimises."""
    return [
        _part("bc", "objectives.bc:BC", "behaviour cloning, the baseline"),
        _part("gmpo", "objectives.gmpo:GMPO", "matching weighted by exponentiated advantage"),
        _part(
            "gmpo-softmax",
            "objectives.gmpo_softmax:GMPOSoftmax",
            "matching of the behaviour's samples weighted by a softmax of Q",
        ),
        _part("gmpg", "objectives.gmpg:GMPG", "policy gradient through the generative model"),
        _part("gtp", "objectives.gtp:GTP", "trajectories, good actions weighing more"),
        _part("sfbc", "objectives.sfbc:SfBC", "choose among the behaviour's samples by Q"),
        _part(
            "diffusion-ql",
            "objectives.diffusion_ql:DiffusionQL",
            "diffusion, and Q through it",
            "dql",
        ),
        _part("edp", "objectives.edp:EDP", "diffusion, and Q through one denoising"),
        _part("qgpo", "objectives.qgpo:QGPO", "a behaviour led by a contrastive energy"),
        _part("idql", "objectives.idql:IDQL", "a diffused behaviour judged by an expectile critic"),
        _part("srpo", "objectives.srpo:SRPO", "a deterministic student held by a score"),
        _part(
            "consistency-ac",
            "objectives.consistency_ac:ConsistencyAC",
            "a consistency policy, and Q through its jumps",
        ),
        _part("fql", "objectives.fql:FQL", "a flow, and its one-step student that climbs Q"),
        _part("ifql", "objectives.ifql:IFQL", "a flow judged by an expectile critic"),
        _part(
            "mean-flow-ql",
            "objectives.mean_flow_ql:MeanFlowQL",
            "a mean flow, and Q through it",
            "ofql",
        ),
        _part(
            "bidirectional-ql",
            "objectives.bidirectional_ql:BidirectionalQL",
            "a bidirectional map, and Q through it",
            "bfq",
        ),
        _part(
            "shortcut-ql",
            "objectives.shortcut_ql:ShortcutQL",
            "shortcuts, and Q through them",
            "sorl",
        ),
        _part("qam", "objectives.qam:QAM", "adjoint matching: a flow tilted step by step"),
        _part("gfp", "objectives.gfp:GFP", "a value-aware flow and its one-step student"),
        _part("td3-bc", "objectives.td3_bc:TD3BC", "a deterministic policy, Q and the data"),
        _part("iql", "objectives.iql:IQL", "a Gaussian by advantage-weighted regression"),
        _part("rebrac", "objectives.rebrac:ReBRAC", "the deterministic baseline done well"),
    ]


@hookimpl
def genpolicy_inferences() -> list[PartSpec]:
    """How an agent picks the action it takes."""
    return [
        _part("sample", "inference.sample:SampleOnce", "one sample of the policy"),
        _part("best-of", "inference.best_of:BestOf", "one of several samples, by its value"),
        _part("guidance", "inference.guidance:Guidance", "samples led by the critic's gradient"),
        _part(
            "energy-guidance",
            "inference.energy_guidance:EnergyGuidance",
            "samples led by a trained energy",
        ),
    ]


@hookimpl
def genpolicy_datasets() -> list[PartSpec]:
    """Transitions, their environment and reference scores."""
    return [
        _data("pointmaze/umaze", "pointmaze:UMaze", "a ball in a U-shaped maze", "shipped along"),
        _data(
            "pointmaze/medium", "pointmaze:Medium", "a ball in a medium maze", "made on first use"
        ),
        _data("pointmaze/large", "pointmaze:Large", "a ball in a large maze", "made on first use"),
        _data(
            "minari",
            "minari:Minari",
            "any dataset of Minari",
            "minari:ID, on this machine or downloaded",
            "minari_ids",
        ),
        _data(
            "merge",
            "merge:Merge",
            "several datasets of one task, one after the other",
            "ONE+OTHER, wherever these are",
        ),
        _data(
            "ogbench",
            "ogbench:OGBench",
            "OGBench's data with the rewards of one task",
            "ogbench:NAME, on this machine, downloaded or made",
            "ogbench_names",
        ),
        _data("npz", "npz:Npz", "transitions in a NumPy archive of one's own", "npz:FILE.npz"),
        _data("hdf5", "hdf5:Hdf5", "transitions in an HDF5 file of one's own", "hdf5:FILE.hdf5"),
        _data(
            "d4rl",
            "d4rl:D4RL",
            "D4RL's data, from the files that it publishes",
            "d4rl:NAME, on this machine or downloaded",
            "d4rl_names",
        ),
        _data(
            "random",
            "random_numbers:RandomNumbers",
            "random numbers that teach nothing, to measure speed on",
            "random:OBSERVATION,ACTION, drawn at once",
        ),
        _data(
            "toy/eight-gaussians", "toys:EightGaussians", "Gaussians on a circle", "drawn at once"
        ),
        _data("toy/two-moons", "toys:TwoMoons", "half circles, one in the other", "drawn at once"),
        _data("toy/pinwheel", "toys:Pinwheel", "five arms wound around a centre", "drawn at once"),
        _data("toy/checkerboard", "toys:Checkerboard", "eight squares of a board", "drawn at once"),
        _data(
            "bandit/quadratic",
            "bandits:Quadratic",
            "Gaussians on a circle and one hill of reward; the best policy is known",
            "drawn at once",
        ),
        _data(
            "bandit/multi-peak",
            "bandits:MultiPeak",
            "Gaussians on a circle and three peaks of reward; the best policy is known",
            "drawn at once",
        ),
    ]


@hookimpl
def genpolicy_trackers() -> list[PartSpec]:
    """Mirrors of a run's metrics."""
    return [
        _part("csv", "trackers.csv_file:Csv", "a file of step, stage, name and value"),
        _part(
            "tensorboard",
            "trackers.tensorboard_events:TensorBoard",
            "event files for TensorBoard; needs genpolicy[tensorboard]",
        ),
        _part(
            "wandb",
            "trackers.wandb_run:WandB",
            "a run of Weights & Biases, offline unless asked; needs genpolicy[wandb]",
        ),
        _part(
            "mlflow",
            "trackers.mlflow_run:MLflow",
            "a run of MLflow, in a local database unless asked; needs genpolicy[mlflow]",
        ),
    ]


@hookimpl
def genpolicy_recipes() -> list[PartSpec]:
    """Named settings: the files of the package ``recipes``."""
    return recipe_specs(f"{_PACKAGE}.recipes")
