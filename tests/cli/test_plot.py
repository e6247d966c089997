"""``agent plot``, on a registry of made-up runs."""

import struct
import subprocess
import sys

import pytest

from genpolicy.comparison.curves import learning_curves
from genpolicy.comparison.footing import comparable
from genpolicy.comparison.groups import compared
from genpolicy.records import (
    DatasetRecord,
    EpisodeRecord,
    EvaluationRecord,
    PartRecord,
    RunStart,
)
from genpolicy.registry import Registry
from genpolicy_cli.curve_figure import curve_figure
from genpolicy_cli.figure_style import COLOURS
from genpolicy_cli.profile_figure import profile_figure
from genpolicy_cli.score_figure import score_figure

BEHAVIOUR = {"behaviour": (0, {50: 20.0, 100: 40.0}), "policy": (500, {505: 60.0, 510: 90.0})}


def evaluation(stage, step, score, selection, scaled, episodes=2):
    episodes = tuple(
        EpisodeRecord(return_=score + k, length=9, success=None, steps_to_success=None, seed=k)
        for k in ((-1.0, 1.0) if episodes == 2 else (0.0,))
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

    def make(
        objective,
        seeds=1,
        stages=None,
        dataset="maze",
        tags=(),
        final=95.0,
        scaled=True,
        objective_name=None,
        episodes=2,
    ):
        stages = {"policy": (0, {500: 50.0, 1000: 70.0})} if stages is None else stages
        part = {"name": f"genpolicy/{objective_name or objective}", "options": {"beta": 1.0}}
        named = PartRecord(
            slot="objective",
            kind="objective",
            **part,
            distribution="genpolicy",
            version="1",
            source_hash="",
        )
        with Registry.open(place / "registry.db") as registry:
            for seed in range(seeds):
                start = RunStart(
                    id=f"{objective}{seed}",
                    seed=seed,
                    recipe={"parts": {"objective": part}},
                    recipe_hash=objective.ljust(64, "0"),
                    origins={},
                    parts=(named,),
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
                    last = evaluation("policy", 1000, final + seed, "last", scaled, episodes)
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


@pytest.mark.slow
def test_runs_can_be_named_or_narrowed(agent, record, place):
    record("bc", tags=("mine",))
    record("gmpg", dataset="hall")
    record("bc-old", seeds=2, dataset="cave", objective_name="bc")
    narrowed = ("--dataset", "maze", "--objective", "bc*", "--seed", "0")
    for arguments in (("bc0",), ("--tag", "mine"), ("--dataset", "h*"), ("bc0", "bc0"), narrowed):
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
        (("--tag", "mine"), 4, "registry.db' holds no run that fits these options"),
        (("--dataset", "cave"), 4, "registry.db' holds no run that fits these options"),
        (("bc0", "--tag", "a"), 4, "none of the runs named fits these options"),
        (("--by", "objective"), 2, "go with --kind scores or profiles; curves are drawn by recipe"),
        (("--kind", "scores", "--by", "seed"), 2, "runs cannot be grouped by 'seed'"),
        (("--kind", "scores", "--by", "objective.bta"), 2, "did you mean 'objective.beta'?"),
        (("--kind", "profiles"), 2, "no group of trained runs has runs on every dataset"),
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


def png_size(file):
    picture = file.read_bytes()
    assert picture[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">II", picture[16:24])


@pytest.fixture
def comparison(place):
    """Return the comparison of all recorded runs, by objective."""

    def make():
        with Registry.open(place / "registry.db", read_only=True) as registry:
            return compared(comparable(registry.runs()), ("objective",))

    return make


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["scores", "profiles"])
def test_scores_and_profiles_are_written_the_same_each_time(agent, record, place, kind):
    record("bc", seeds=5)
    record("gmpg", seeds=5, final=80.0)
    done = agent("plot", "--kind", kind)
    assert (done.status, done.out, done.err) == (0, f"{kind}.png\n", "")
    assert png_size(place / f"{kind}.png")[0] == 1600
    for name in ("a.png", "a.svg", "b.svg"):
        assert agent("plot", "--kind", kind, "--out", name).status == 0
    assert (place / "a.png").read_bytes() == (place / f"{kind}.png").read_bytes()
    assert (place / "a.svg").read_bytes() == (place / "b.svg").read_bytes()


def test_what_is_compared_is_said_as_the_leaderboard_says_it(agent, record):
    record("bc", seeds=4)
    record("gmpg", final=None)
    done = agent("plot", "--kind", "scores", "--by", "objective", "--resamples", "200")
    assert done.err == (
        "warning: left out, without a normalised score: 1 run\n"
        "warning: fewer than five seeds: bc (4 seeds); intervals over so few are rough\n"
    )


def test_scores_have_a_panel_per_dataset_and_one_over_all(record, comparison):
    record("bc", seeds=3)
    record("gmpg", seeds=3, final=80.0)
    record("bc-hall", seeds=2, dataset="hall", objective_name="bc")
    record("gmpg-hall", seeds=2, dataset="hall", objective_name="gmpg", final=99.0)
    figure = score_figure(comparison(), 200)
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        "hall",
        "maze",
        "over 2 datasets",
    ]
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == ["bc", "gmpg"]  # 95.5 and 96 against 99.5 and 81
    dots = [line for line in figure.axes[1].lines if line.get_marker() == "o"]
    assert sorted(float(dot.get_xdata()[0]) for dot in dots) == [81.0, 96.0]
    ticks = [line for line in figure.axes[1].lines if line.get_marker() == "|"]
    assert sorted(len(line.get_xdata()) for line in ticks) == [3, 3]
    assert not [line for line in figure.axes[2].lines if line.get_marker() == "|"]


def test_a_title_says_on_what_scores_stand_and_a_caption_on_what_intervals(record, comparison):
    record("bc", seeds=2)
    scores, profiles = score_figure(comparison(), 200), profile_figure(comparison(), 200)
    assert scores.get_suptitle() == "normalised score, protocol default, selection last"
    (legend,) = profiles.legends
    assert legend.get_title().get_text() == (
        "maze: normalised score, protocol default, selection last"
    )
    for figure in (scores, profiles):
        caption = figure.get_supxlabel()
        assert "95 % intervals of 200 bootstrap resamples over seeds and episodes" in caption


def test_of_many_profiles_the_best_have_colours_and_bands(record, comparison):
    for number in range(7):
        record(f"objective{number}", seeds=2, final=10.0 * number)
    (axes,) = profile_figure(comparison(), 200).axes
    told = {line.get_label(): line.get_color() for line in axes.lines if line.get_label()[0] != "_"}
    assert told == {f"objective{6 - place}": COLOURS[place] for place in range(4)}
    assert len(axes.collections) == 4
    (legend,) = axes.figure.legends
    assert legend.get_texts()[-1].get_text() == "3 others"


def test_runs_without_an_interval_are_drawn_without_one(record, comparison):
    record("bc", episodes=1)
    (axes,) = score_figure(comparison(), 200).axes
    assert [line.get_marker() for line in axes.lines] == ["|", "o", "None"]


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
