"""Draws docs/gallery.png, what each backbone learned of the pinwheel, from the runs of toys.sh."""

from PIL import Image
from toys_table import ROOT, backbone_of, toy_runs

from genpolicy_cli.main import main

SHOWN = ("flow", "ot-flow", "diffusion", "diffusion path=ve", "consistency", "trajectory")
SHOWN += ("shortcut", "mean-flow", "bidirectional", "one-step", "gaussian")


def run_ids() -> list[str]:
    first = [run for run in toy_runs() if run.start.seed == 10]
    found = {backbone_of(run): run.id for run in first if run.start.dataset.name == "toy/pinwheel"}
    return [found[backbone] for backbone in SHOWN]


def draw() -> int:
    """Draw it, and keep it in few colours: a third of the bytes."""
    picture = ROOT / "docs/gallery.png"
    files = ["--out", str(picture), "--registry", str(ROOT / "registry.db")]
    status = main(["density", *run_ids(), *files])
    if status == 0:
        Image.open(picture).convert("RGB").quantize(64).save(picture, optimize=True)
    return status


if __name__ == "__main__":
    raise SystemExit(draw())
