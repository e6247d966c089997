"""Draws docs/gallery.png, what each backbone learned of the pinwheel, from the runs of toys.sh."""

from toys_table import ROOT, backbone_of, toy_runs

from genpolicy_cli.main import main

SHOWN = ("flow", "ot-flow", "diffusion", "diffusion path=ve", "consistency", "trajectory")
SHOWN += ("shortcut", "mean-flow", "bidirectional", "one-step", "gaussian")


def run_ids() -> list[str]:
    first = [run for run in toy_runs() if run.start.seed == 10]
    found = {backbone_of(run): run.id for run in first if run.start.dataset.name == "toy/pinwheel"}
    return [found[backbone] for backbone in SHOWN]


if __name__ == "__main__":
    files = ["--out", str(ROOT / "docs/gallery.png"), "--registry", str(ROOT / "registry.db")]
    raise SystemExit(main(["density", *run_ids(), *files]))
