"""``agent plot``, on a registry of made-up runs."""

import struct
import subprocess
import sys

import pytest

from genpolicy.comparison.curves import learning_curves
from genpolicy.records import DatasetRecord, EpisodeRecord, EvaluationRecord, RunStart
from genpolicy.registry import Registry
from genpolicy_cli.curve_figure import COLOURS, curve_figure

BEHAVIOUR = {"behaviour": (0, {50: 20.0, 100: 40.0}), "policy": (500, {505: 60.0, 510: 90.0})}


def evaluation(stage, step, score, selection, scaled):
    episodes = tuple(
        EpisodeRecord(return_=score + k, length=9, success=None, steps_to_success=None, seed=k)
        for k in (-1.0, 1.0)
    )
    return EvaluationRecord(
        stage=stage,
        step=step,
        protocol="default" if selection else "default-look",
        selection=selection,
        environment={},
        seed=0,
        episodes=episodes,
        random_return=0.0 if scaled else None,
        expert_return=100.0 if scaled else None,
    )


@pytest.fixture
def record(place):
    """Record runs of a recipe, one per seed."""

    def make(objective, seeds=1, stages=None, dataset="maze", tags=(), final=95.0, scaled=True):
        stages = {"policy": (0, {500: 50.0, 1000: 70.0})} if stages is None else stages
        part = {"name": f"genpolicy/{objective}", "options": {}}
        with Registry.open(place / "registry.db") as registry:
            for seed in range(seeds):
                start = RunStart(
                    id=f"{objective}{seed}",
                    seed=seed,
                    recipe={"parts": {"objective": part}},
                    recipe_hash=objective.ljust(64, "0"),
                    origins={},
                    parts=(),
                    dataset=DatasetRecord(name=dataset, fingerprint="f", transitions=1, episodes=1),
                    directory=str(place / "runs"),
                    device="cpu",
                    versions={},
                    host={},
                    tags=tags,
                )
                writer = registry.start(start)
                for stage, (first, looks) in stages.items():
                    writer.on_stage(stage, first, first + 1000)
                    for step, score in looks.items():
                        look = evaluation(stage, step, score + seed, None, scaled)
                        writer.on_evaluation(look)
                if final is not None:
                    last = evaluation("policy", 1000, final + seed, "last", scaled)
                    writer.on_evaluation(last)
                assert writer.finish("finished")

    return make


@pytest.fixture
def figure(place):
    """Return the figure of all recorded runs."""

    def draw():
        with Registry.open(place / "registry.db", read_only=True) as registry:
            runs = [registry.run(run.id) for run in reversed(registry.runs())]
        return curve_figure(learning_curves(runs))

    return draw


def texts(figure):
    (legend,) = figure.legends
    return legend.get_title().get_text(), [text.get_text() for text in legend.get_texts()]


def test_a_picture_is_written_of_all_runs(agent, record, place):
    record("bc", seeds=2)
    record("gmpg", stages=BEHAVIOUR)
    done = agent("plot")
    assert (done.status, done.out, done.err) == (0, "learning-curves.png\n", "")
    picture = (place / "learning-curves.png").read_bytes()
    assert picture[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", picture[16:24]) == (1600, 920)
    assert len(picture) > 20_000
    agent("plot", "--out", "again.PNG")
    assert (place / "again.PNG").read_bytes() == picture


def test_the_ending_decides_the_format(agent, record, place):
    record("bc")
    assert agent("plot", "--out", "curves.svg").status == 0
    picture = (place / "curves.svg").read_text()
    assert "<svg" in picture
    assert COLOURS[0].lower() in picture


def test_the_legend_names_recipes_seeds_and_the_earlier_stage(record, figure):
    record("bc", seeds=2)
    record("gmpg", stages=BEHAVIOUR)
    title, labels = texts(figure())
    assert title == "maze, protocol default"
    assert labels == ["bc, 2 seeds", "gmpg, 1 seed", "behaviour stage"]


def test_the_bold_line_is_the_mean_the_faint_ones_are_seeds(record, figure):
    record("bc", seeds=3)
    whole, final = figure().axes
    lines = [line for line in whole.lines if list(line.get_xdata()) == [0.5, 1.0]]
    faint = [list(line.get_ydata()) for line in lines if line.get_alpha()]
    bold = [list(line.get_ydata()) for line in lines if not line.get_alpha()]
    assert faint == [[50.0, 70.0], [51.0, 71.0], [52.0, 72.0]]
    assert bold == [[51.0, 71.0]]
    bar, marker, _ = final.lines
    assert list(marker.get_ydata()) == [96.0]
    assert bar.get_ydata() == pytest.approx([96 - 4.303 / 3**0.5, 96 + 4.303 / 3**0.5], rel=1e-3)


def test_scores_have_the_expert_as_a_rule_and_returns_have_none(record, figure):
    record("bc")
    whole, _ = figure().axes
    assert whole.get_ylabel() == "normalised score"
    assert [text.get_text() for text in whole.texts] == ["expert = 100"]
    record("gmpg", scaled=False)
    whole, _ = figure().axes
    assert whole.get_ylabel() == "return"
    assert not whole.texts


def test_a_last_stage_too_short_to_be_seen_has_a_panel_of_its_own(record, figure):
    record("gmpg", stages=BEHAVIOUR)
    whole, close, final = figure().axes
    assert whole.get_xlim()[0] == 0.0
    assert close.get_xlabel() == "last 10 steps"
    assert [text.get_text() for text in close.get_xticklabels()] == ["0.5", "0.51"]
    assert final.get_xlabel() == "final"


def test_the_caption_says_what_scores_stand_on(record, figure):
    record("gmpg", stages=BEHAVIOUR)
    assert figure().get_supxlabel() == (
        "dotted: policy unchanged · each look: 2 episodes · final: 2 episodes, 95 % interval over "
        "episodes"
    )
    record("bc", seeds=2)
    assert figure().get_supxlabel().replace("\n", " ") == (
        "bold: mean over seeds · dotted: policy unchanged · each look: 2 episodes · final: 2 "
        "episodes per seed, 95 % interval over seeds or episodes"
    )


def test_runs_without_a_final_score_are_drawn(record, figure):
    record("bc", final=None)
    _, final = figure().axes
    assert len(final.lines) == 1  # the expert's


def test_more_recipes_than_colours_can_be_drawn(record, figure):
    names = [f"objective{number}" for number in range(len(COLOURS) + 1)]
    for name in names:
        record(name)
    assert texts(figure())[1] == [f"{name}, 1 seed" for name in names]


def test_runs_can_be_named_or_narrowed(agent, record, place):
    record("bc", tags=("mine",))
    record("gmpg", dataset="hall")
    for arguments in (("bc",), ("--tag", "mine"), ("--dataset", "hall"), ("bc0", "bc0")):
        done = agent("plot", *arguments)
        assert (done.status, done.err) == (0, ""), done.err


def test_what_is_left_out_is_said(agent, record):
    record("bc")
    record("gmpo", stages={})
    done = agent("plot")
    assert done.status == 0
    assert done.err == "warning: left out, without looks during training: run gmpo0\n"


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        ((), 2, "different datasets, whose scores do not compare: maze (2 runs), hall (1 run)"),
        (("zzz",), 4, "holds no run 'zzz'; the newest are gmpg0, bc1, bc0"),
        (("bc",), 4, "2 runs in the registry"),
        (("--tag", "mine"), 4, "holds no run with the tag 'mine'"),
        (("--dataset", "cave"), 4, "holds no run on 'cave'"),
        (("bc0", "--tag", "a", "--dataset", "b"), 4, "none of the runs named is with the tag 'a'"),
        (("bc0", "--out", "curves.jpg"), 2, "a picture ends in .png or .svg; got 'curves.jpg'"),
        (("bc0", "--out", "no/c.png"), 2, "'no/c.png' cannot be written: No such file or"),
        (("--registry", "no.db"), 4, "no.db"),
    ],
)
def test_what_cannot_be_drawn_is_refused(agent, record, place, arguments, status, sentence):
    record("bc", seeds=2)
    record("gmpg", dataset="hall")
    done = agent("plot", *arguments)
    assert (done.status, done.out) == (status, "")
    assert sentence in done.err.replace("\n", " "), done.err
    assert not [*place.glob("*.png"), *place.glob("*.jpg")]


def test_runs_without_looks_are_refused(agent, record):
    record("bc", stages={})
    done = agent("plot")
    assert done.status == 2
    assert "no look at the score during training is recorded of run bc0" in done.err


def test_without_matplotlib_one_sentence_says_how_to_get_it(agent, record, monkeypatch):
    record("bc")
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    done = agent("plot")
    assert done.status == 3
    assert done.err == (
        "error: `agent plot` draws with matplotlib, which is not installed: pip install "
        "'genpolicy[plot]'\n"
    )


@pytest.mark.slow
def test_drawing_imports_no_torch_and_no_window(record, place):
    record("bc")
    code = (
        "import sys; from genpolicy_cli.main import main; assert main(['plot']) == 0; "
        "print(*{'torch', 'minari', 'gymnasium', 'matplotlib.pyplot'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=place, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("learning-curves.png\n\n", "")
