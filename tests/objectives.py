"""Every shipped objective, with what makes it small."""

JOINT = "objective.steps={n} objective.batch_size=8"
BEHAVIOUR_FIRST = "objective.behaviour_steps={n} objective.critic_steps={n} objective.batch_size=8"
POLICY_LAST = f"{BEHAVIOUR_FIRST} objective.policy_steps={{n}} objective.policy_batch_size=8"
OBJECTIVES = {
    "bc": JOINT,
    "gmpo": "objective.critic_steps={n} objective.policy_steps={n} objective.batch_size=8",
    "gmpo-softmax": f"{POLICY_LAST} objective.candidates=2",
    "gmpg": POLICY_LAST,
    "gmpg probed": f"{POLICY_LAST} objective.exact_divergence=false",
    "gmpg path": f"{POLICY_LAST} objective.kl=path",
    "gtp": f"{JOINT} objective.candidates=2",
    "sfbc": f"{BEHAVIOUR_FIRST} critic.candidates=2",
    "diffusion-ql": JOINT,
    "edp": JOINT,
    "qgpo": f"{BEHAVIOUR_FIRST} objective.guide_steps={{n}} objective.guide_batch_size=8 "
    "objective.candidates=2 critic.candidates=2",
    "idql": JOINT,
    "srpo": POLICY_LAST,
    "consistency-ac": JOINT,
    "fql": JOINT,
    "ifql": JOINT,
    "mean-flow-ql": JOINT,
    "bidirectional-ql": JOINT,
    "shortcut-ql": JOINT,
    "qam": JOINT,
    "gfp": f"{JOINT} objective.temperature=1",
    "td3-bc": JOINT,
    "iql": JOINT,
    "rebrac": JOINT,
}
"""Objectives, some with an option, and what makes each of their stages {n} steps of 8 rows."""

PLAIN = {"consistency-ac", "td3-bc", "iql", "rebrac"}
"""Objectives known with a backbone that no ODE solver serves."""


def options(objective: str, steps: int) -> tuple[str, ...]:
    """Return what makes each stage of an objective so many steps of 8 rows."""
    return tuple(OBJECTIVES[objective].format(n=steps).split())
