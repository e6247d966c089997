"""The code that the documentation prints, run as it is printed."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from genpolicy.evaluation.protocol import Protocol
from genpolicy.recipe import options_of
from genpolicy.training.options import TrainOptions

ROOT = Path(__file__).parents[1]
SMALL = (
    "network.hidden=16",
    "train.looks=0",
    "evaluation.episodes=2",
    "evaluation.environments=2",
)


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)


def install(site: Path, name: str, entry_points: dict[str, str], files: dict[str, str]) -> None:
    """Lay a distribution out as pip would."""
    facts = site / f"{name.replace('-', '_')}-0.1.0.dist-info"
    facts.mkdir(parents=True)
    (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.1.0\n")
    lines = "\n".join(f"{key} = {value}" for key, value in entry_points.items())
    (facts / "entry_points.txt").write_text(f"[genpolicy]\n{lines}\n")
    for path, text in files.items():
        (site / path).parent.mkdir(exist_ok=True)
        (site / path).write_text(text)


def agent(site: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(site), "AGENT_REGISTRY": str(site / "r.db")}
    program = "import sys; from genpolicy_cli.main import main; sys.exit(main())"
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=site,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_the_part_in_the_readme_trains_as_printed(tmp_path):
    (project,) = [tomllib.loads(block) for block in blocks("README.md", "toml")]
    files = {"genpolicy_filtered/__init__.py": ""}
    for block in blocks("README.md", "python"):
        path = re.match(r"# (genpolicy_filtered/\w+\.py)\n", block)
        if path:
            files[path[1]] = block
    assert len(files) == 3
    entry_points = project["project"]["entry-points"]["genpolicy"]
    install(tmp_path, project["project"]["name"], entry_points, files)
    options = ("objective.steps=20", *SMALL)
    done = agent(tmp_path, "run", "--objective", "filtered-bc", "--backbone", "diffusion", *options)
    assert done.returncode == 0, done.stderr
    assert "normalised score" in done.stdout


@pytest.mark.slow
def test_the_backbone_in_the_guide_trains_as_printed(tmp_path):
    (code,) = [block for block in blocks("docs/extending.md", "python") if "StraightModel" in block]
    plugin = (
        "from genpolicy import PartSpec, hookimpl\n\n\n@hookimpl\ndef genpolicy_backbones():\n"
        "    return [PartSpec(name='straight', summary='s', target='straight.model:Straight')]\n"
    )
    files = {"straight/__init__.py": "", "straight/plugin.py": plugin, "straight/model.py": code}
    install(tmp_path, "genpolicy-straight", {"straight": "straight.plugin"}, files)
    options = ("objective.steps=20", "backbone.power=0.5", *SMALL)
    done = agent(tmp_path, "run", "--objective", "bc", "--backbone", "straight", *options)
    assert done.returncode == 0, done.stderr
    listed = agent(tmp_path, "list", "backbone")
    assert "straight" in listed.stdout


@pytest.mark.slow
def test_the_inference_and_the_solver_in_the_guide_act_as_printed(tmp_path):
    (code,) = [block for block in blocks("docs/extending.md", "python") if "BestOfN" in block]
    plugin = (
        "from genpolicy import PartSpec, hookimpl\n\n\n@hookimpl\ndef genpolicy_inferences():\n"
        "    return [PartSpec(name='best-of-n', summary='s', target='best.parts:BestOfN')]\n\n\n"
        "@hookimpl\ndef genpolicy_solvers():\n"
        "    return [PartSpec(name='ralston', summary='s', target='best.parts:Ralston')]\n"
    )
    files = {"best/__init__.py": "", "best/plugin.py": plugin, "best/parts.py": code}
    install(tmp_path, "genpolicy-best", {"best": "best.plugin"}, files)
    parts = ("--objective", "gmpo", "--inference", "best-of-n", "--solver", "ralston")
    steps = ("objective.critic_steps=20", "objective.policy_steps=20")
    done = agent(tmp_path, "run", *parts, *steps, *SMALL)
    assert done.returncode == 0, done.stderr


def test_every_option_of_the_loop_and_of_scoring_is_documented():
    page = (ROOT / "docs/running.md").read_text()
    for recipe in (TrainOptions, Protocol):
        for option in options_of(recipe).values():
            assert f"| `{option.name}` | {option.default} | {option.help} |" in page


def test_the_pages_that_the_readme_links_exist():
    links = re.findall(r"\]\((?!http)([^)#]+)\)", (ROOT / "README.md").read_text())
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
