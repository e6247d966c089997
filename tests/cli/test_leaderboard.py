"""``agent leaderboard``, on a registry of made-up runs."""

import csv
import io
import subprocess
import sys

import pytest

import recorded
from genpolicy.records import (
    DatasetRecord,
    EpisodeRecord,
    EvaluationRecord,
    PartRecord,
    RunStart,
)
from genpolicy.registry import Registry
from recorded import run_start

METHODS = {"bc": "flow", "gmpo": "diffusion"}


def part(kind, name):
    return PartRecord(
        slot=kind,
        kind=kind,
        name=f"genpolicy/{name}",
        distribution="genpolicy",
        version="1",
        source_hash="",
        options={},
    )


def start(id, parts, seed, dataset, recipe, tags):
    reference = {} if parts else {"reference": "expert"}
    return RunStart(
        id=id,
        seed=seed,
        recipe=reference,
        recipe_hash=recipe.ljust(64, "0"),
        origins={},
        parts=parts,
        dataset=DatasetRecord(name=dataset, fingerprint="f" * 64, transitions=1, episodes=1),
        directory="/nowhere",
        device="cpu",
        versions={},
        host={},
        tags=tags,
    )


def evaluation(score, protocol):
    return EvaluationRecord(
        stage="policy",
        step=9,
        protocol=protocol,
        selection="last",
        environment={},
        seed=0,
        episodes=tuple(
            EpisodeRecord(return_=score + k, length=9, success=k > 0, steps_to_success=None, seed=0)
            for k in (-2.0, 0.0, 2.0)
        ),
        random_return=0.0,
        expert_return=100.0,
    )


@pytest.fixture
def record(place):
    """Record runs of an objective, or of a reference policy, one per seed."""

    def make(objective, *scores, dataset="maze", recipe=None, protocol="default", tags=()):
        backbone = METHODS.get(objective)
        parts = (part("objective", objective), part("backbone", backbone)) if backbone else ()
        recipe = recipe or f"{objective}-{dataset}"
        with Registry.open(place / "registry.db") as registry:
            for seed, score in enumerate(scores):
                id = f"{recipe}-{protocol}-{seed}"
                writer = registry.start(start(id, parts, seed, dataset, recipe, tags))
                writer.on_evaluation(evaluation(score, protocol))
                assert writer.finish("finished")

    return make


@pytest.fixture
def two_datasets(record):
    record("bc", 50.0, 60.0, 70.0, 55.0, 65.0)
    record("gmpo", 90.0, 100.0, 110.0, 95.0, 105.0)
    record("bc", 20.0, 30.0, dataset="hall")
    record("gmpo", 70.0, 80.0, dataset="hall")
    record("expert", 100.0)


def words(text):
    return [line.split() for line in text.splitlines() if line.strip() and "─" not in line]


def test_it_shows_every_dataset_and_all_together_with_the_best_first(agent, two_datasets):
    done = agent("leaderboard")
    assert done.status == 0
    lines = words(done.out)
    assert lines[0] == ["normalised", "score,", "protocol", "default,", "selection", "last"]
    assert " ".join(lines[1]) == (
        "95 % intervals of 2,000 bootstrap resamples over seeds and episodes"
    )
    assert [line[:3] for line in lines[2:]] == [
        ["hall"],
        ["objective", "backbone", "seeds"],
        ["gmpo", "diffusion", "2"],
        ["bc", "flow", "2"],
        ["maze"],
        ["objective", "backbone", "seeds"],
        ["(expert)", "–", "–"],
        ["gmpo", "diffusion", "5"],
        ["bc", "flow", "5"],
        ["over", "2", "datasets,"],
        ["objective", "backbone", "seeds"],
        ["gmpo", "diffusion", "2"],
        ["bc", "flow", "2"],
    ]
    assert done.err.splitlines() == [
        "not taken over all 2 datasets: (expert) (lacks hall)",
        "warning: fewer than five seeds: bc,flow (2 seeds), gmpo,diffusion (2 seeds); intervals "
        "over so few are rough",
    ]


def test_it_says_the_same_again_in_a_hundred_columns(agent, two_datasets):
    done = agent("leaderboard")
    assert agent("leaderboard").out == done.out
    assert max(len(line.rstrip()) for line in done.out.splitlines()) <= 100


def test_a_choice_by_the_outcome_is_spoken_of(agent, two_datasets):
    done = agent("leaderboard", "--min-score", "60")
    assert (
        "runs were chosen by their scores: what is left of a method is not the method" in done.err
    )
    assert "chosen by their scores" not in agent("leaderboard", "--tag", "x").err


def test_success_stays_a_share(agent, two_datasets):
    for row in agent("leaderboard", "--metric", "success", "--json").json:
        ends = [row[name][end] for name in ("mean", "iqm") for end in ("low", "high")]
        assert all(end is None or 0.0 <= end <= 100.0 for end in ends)


def test_json_and_csv_have_the_rows_of_the_table(agent, two_datasets):
    as_json = agent("leaderboard", "--json").json
    rows = list(csv.DictReader(io.StringIO(agent("leaderboard", "--csv").out)))
    assert [(row["dataset"], row["objective"]) for row in as_json] == [
        ("hall", "genpolicy/gmpo"),
        ("hall", "genpolicy/bc"),
        ("maze", "(expert)"),
        ("maze", "genpolicy/gmpo"),
        ("maze", "genpolicy/bc"),
        (None, "genpolicy/gmpo"),
        (None, "genpolicy/bc"),
    ]
    assert [row["objective"] for row in rows] == [row["objective"] for row in as_json]
    assert {row["protocol"] for row in (*rows, *as_json)} == {"default"}
    over, best = rows[-1], as_json[-1]
    assert float(over["iqm_low"]) == best["iqm"]["low"]
    assert float(over["mean"]) == best["mean"]["mean"] == pytest.approx(42.5)
    assert best["median"]["mean"] == pytest.approx(42.5)
    assert best["gap"]["mean"] == pytest.approx(57.5)
    assert (as_json[2]["seeds"], as_json[0]["median"]) == (None, None)


def test_markdown_has_a_table_per_dataset(agent, two_datasets):
    text = agent("leaderboard", "--markdown").out
    assert "\n\n**hall**\n\n| objective | backbone | seeds | recipes | mean | iqm | gap |\n" in text
    assert "\n\n**over 2 datasets, each weighing the same**\n\n| objective |" in text
    assert "| bc | flow | 5 | 1 | 60.0 ± " in text


def test_runs_can_be_narrowed_and_grouped_otherwise(agent, two_datasets):
    rows = agent(
        "leaderboard", "--dataset", "ha*", "--objective", "bc", "--by", "backbone", "--json"
    )
    assert [(row["dataset"], row["backbone"]) for row in rows.json] == [("hall", "genpolicy/flow")]
    assert "objective" not in rows.json[0]


def test_against_tells_the_probability_of_improvement(agent, two_datasets):
    done = agent("leaderboard", "--against", "bc", "--json")
    better = {(row["dataset"], row["objective"]): row["better"] for row in done.json}
    assert better["maze", "genpolicy/gmpo"]["mean"] == 1.0
    assert better["maze", "genpolicy/bc"] is None
    assert {"median", "gap"}.isdisjoint(done.json[0])
    table = agent("leaderboard", "--against", "bc").out
    assert "better: how probably a run scores above one of bc,flow\n" in table
    assert "100.0 % (" in table
    assert max(len(line.rstrip()) for line in table.splitlines()) <= 100


def test_one_protocol_is_taken_and_the_others_are_told(agent, record):
    record("bc", 50.0, 60.0, 70.0, 55.0, 65.0)
    record("gmpo", 99.0, protocol="short")
    done = agent("leaderboard")
    assert "gmpo" not in done.out
    assert done.err == "left out, scored otherwise: 1 run by short, last\n"
    asked = agent("leaderboard", "--protocol", "short")
    assert "protocol short, selection last" in asked.out
    assert "bc" not in asked.out


def test_rows_that_merge_recipes_say_so_and_can_be_told_apart(agent, record):
    record("bc", 50.0, 60.0, 70.0, 55.0, 65.0)
    record("bc", 80.0, 90.0, 85.0, 95.0, 85.0, recipe="other")
    done = agent("leaderboard", "--json")
    assert [(row["seeds"], row["recipes"]) for row in done.json] == [(5, 2)]
    assert done.err == (
        "1 row merges runs of different recipes; --by objective,backbone,recipe tells them apart\n"
    )
    apart = agent("leaderboard", "--by", "objective,backbone,recipe", "--json")
    assert [row["recipe"] for row in apart.json] == ["other0", "bc-maz"]
    assert apart.err == ""


def test_rows_can_be_told_apart_by_an_option(agent, place):
    with Registry.open(place / "registry.db") as registry:
        for number, beta in enumerate((1.0, 2.0)):
            start = run_start(f"run{beta}", recipe_hash=str(number) * 64)
            start.recipe["parts"]["objective"]["options"]["beta"] = beta
            recorded.record(registry, start, recorded.evaluation([10.0 * beta]))
    rows = agent("leaderboard", "--by", "objective.beta", "--json").json
    assert [(row["objective.beta"], row["mean"]["mean"]) for row in rows] == [(2, 20), (1, 10)]
    done = agent("leaderboard", "--by", "objective,objective.beta", "--against", "1", "--markdown")
    assert "| gmpg | 2 | 1 | 1 |" in done.out
    assert "above one of gmpg,objective.beta=1\n" in done.out
    wrong = agent("leaderboard", "--by", "objective.bta")
    assert "by 'objective.bta'; did you mean 'objective.beta'?" in wrong.err
    assert wrong.status == 2


@pytest.mark.parametrize(
    ("metric", "mean", "gap"), [("success", 100 / 3, True), ("return", 60.0, False)]
)
def test_success_and_return_can_be_compared_too(agent, record, metric, mean, gap):
    record("bc", 50.0, 60.0, 70.0, 55.0, 65.0)
    (row,) = agent("leaderboard", "--metric", metric, "--json").json
    assert row["mean"]["mean"] == pytest.approx(mean)
    assert (row["metric"], "gap" in row) == (metric, gap)


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (
            ("--tag", "none"),
            2,
            "nothing to compare: none of the runs asked for has finished training",
        ),
        (("--protocol", "long"), 2, "no run was scored by the protocol 'long'; there are: 1 run"),
        (("--by", "objectiv"), 2, "grouped by 'objectiv'; did you mean 'objective'?"),
        (("--by", ","), 2, "runs are grouped by different keys, such as objective,backbone"),
        (("--against", "zzz"), 2, "no row is called 'zzz'; there are: bc,flow"),
        (("--json", "--csv"), 2, "choose one of --json, --csv and --markdown"),
        (("--resamples", "9"), 2, "Input should be greater than or equal to 100"),
        (("--resamples", "99999999"), 2, "Input should be less than or equal to 100000"),
        (("--registry", "no.db"), 4, "no.db"),
    ],
)
def test_what_cannot_be_compared_is_refused(agent, record, arguments, status, sentence):
    record("bc", 50.0)
    done = agent("leaderboard", *arguments)
    assert (done.status, done.out) == (status, "")
    assert sentence in " ".join(done.err.replace("│", " ").split()), done.err


@pytest.mark.slow
def test_it_imports_no_torch_and_no_scipy(place, record):
    record("bc", 50.0, 60.0)
    code = (
        "import sys; from genpolicy_cli.main import main; assert main(['leaderboard']) == 0; "
        "print('LOADED', *{'torch', 'scipy', 'pandas', 'matplotlib'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=place, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1].split() == ["LOADED"], done.stderr
