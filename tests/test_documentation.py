"""The code that the documentation prints, run as it is printed."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from genpolicy.discovery.hookspecs import HOOKS
from genpolicy.discovery.spec import KINDS
from genpolicy.evaluation.protocol import Protocol
from genpolicy.recipe import options_of
from genpolicy.scaffold import files_of, names_of
from genpolicy.scaffold.templates import read
from genpolicy.testing.distribution import suite_of
from genpolicy.training.options import TrainOptions

ROOT = Path(__file__).parents[1]
PAGES = ("docs/extending.md", *(f"docs/extending/{kind}.md" for kind in KINDS))
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
        (site / path).parent.mkdir(parents=True, exist_ok=True)
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


def test_the_part_of_every_page_is_what_a_new_distribution_gets():
    for kind in KINDS:
        if kind == "recipe":
            assert read("recipes/example.toml") in blocks(f"docs/extending/{kind}.md", "toml")
        else:
            assert read(f"{kind}.py") in blocks(f"docs/extending/{kind}.md", "python")


def test_every_page_names_its_hook_and_its_suite():
    for hook, kind in HOOKS.items():
        page = (ROOT / f"docs/extending/{kind}.md").read_text()
        assert f"| hook | `{hook}` |" in page
        assert f"`genpolicy.testing.{suite_of(kind).__name__}`" in page


@pytest.mark.slow
def test_the_parts_of_all_pages_train_together_as_printed(tmp_path):
    names = names_of("example")
    files = files_of(names, KINDS)
    for kind in KINDS:
        path = f"genpolicy_example/{kind}.py"
        if path in files:
            (files[path],) = (
                block
                for block in blocks(f"docs/extending/{kind}.md", "python")
                if "class Example(" in block
            )
    package = {path: text for path, text in files.items() if path.startswith("genpolicy_example/")}
    install(tmp_path, names.distribution, {"example": "genpolicy_example.plugin"}, package)
    parts = [word for kind in KINDS for word in (f"--{kind}", "example")]
    done = agent(tmp_path, "run", *parts, "objective.steps=20", "evaluation.fitted_q_steps=5")
    assert done.returncode == 0, done.stderr
    (metrics,) = tmp_path.glob("runs/*/metrics.jsonl")
    assert '"step": 20' in metrics.read_text()


@pytest.mark.slow
def test_the_part_in_a_file_acts_as_printed(tmp_path):
    (code,) = [block for block in blocks("docs/extending.md", "python") if "# cool.py" in block]
    (tmp_path / "cool.py").write_text(code)
    chosen = ("--plugin", "cool.py", "--objective", "bc", "--inference", "cool:0.2")
    done = agent(tmp_path, "run", *chosen, "objective.steps=20", *SMALL)
    assert done.returncode == 0, done.stderr
    assert "normalised score" in done.stdout


def test_every_option_of_the_loop_and_of_scoring_is_documented():
    page = (ROOT / "docs/running.md").read_text()
    for recipe in (TrainOptions, Protocol):
        for option in options_of(recipe).values():
            assert f"| `{option.name}` | {option.default} | {option.help} |" in page


@pytest.mark.parametrize("page", ["README.md", *PAGES])
def test_the_pages_that_a_page_links_exist(page):
    links = re.findall(r"\]\((?!http)([^)#]+)[^)]*\)", (ROOT / page).read_text())
    assert links
    assert [link for link in links if not (ROOT / page).parent.joinpath(link).exists()] == []


def test_every_kind_of_part_has_a_page_that_the_overview_links():
    overview = (ROOT / "docs/extending.md").read_text()
    assert [kind for kind in KINDS if f"](extending/{kind}.md)" not in overview] == []
