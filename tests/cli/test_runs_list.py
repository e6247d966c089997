"""``agent runs`` on made-up runs: filters, order, columns, forms, hints."""

import csv
import io

import pytest

from genpolicy.registry import Registry
from genpolicy_cli.run_columns import NAMES
from recorded import evaluation, record, run_start


@pytest.fixture
def recorded(place):
    """Record four runs: two of one recipe, another, and a reference policy."""
    with Registry.open("registry.db") as registry:
        record(registry, run_start("aa1", tags=("paper", "b"), seed=1), evaluation([10.0, 30.0]))
        record(registry, run_start("aa2", seed=2), evaluation([40.0, 50.0]))
        other = {"backbone": ("drift/jump", {}), "critic": ("genpolicy/iql", {})}
        record(registry, run_start("bb1", other, seed=1, parent="aa1"))
        recipe = {"dataset": {"name": "genpolicy/x", "options": {}}, "reference": "expert"}
        expert = run_start("cc1", recipe=recipe, parts=None)
        record(registry, expert, evaluation([100.0, 98.0]))


def ids(done):
    assert done.status == 0, done.err
    return [row["run"] for row in done.json]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), ["cc1", "bb1", "aa2", "aa1"]),
        (("--tag", "paper", "--tag", "b"), ["aa1"]),
        (("--backbone", "jump"), ["bb1"]),
        (("--backbone", "drift/*", "--backbone", "nosuch"), ["bb1"]),
        (("--critic", "iql"), ["bb1"]),
        (("--seed", "1"), ["bb1", "aa1"]),
        (("--seed", "1", "--seed", "2", "--min-score", "20"), ["aa2", "aa1"]),
        (("--max-score", "45"), ["aa2", "aa1"]),
        (("--dataset", "pointmaze/*", "--limit", "2"), ["cc1", "bb1"]),
        (
            ("--since", "1h", "--until", "2999-01-01", "--network", "mlp"),
            ["cc1", "bb1", "aa2", "aa1"],
        ),
        (("--until", "2020-01-01"), []),
        (("--sort", "score"), ["cc1", "aa2", "aa1", "bb1"]),
        (("--sort", "score", "--reverse"), ["aa1", "aa2", "cc1", "bb1"]),
        (("--sort", "run", "--limit", "1"), ["aa1"]),
        (("--state", "finished", "--state", "lost"), ["cc1", "bb1", "aa2", "aa1"]),
        (("--objective", "gmp?", "--solver", "*"), []),
    ],
)
def test_runs_are_found(agent, recorded, arguments, expected):
    assert ids(agent("runs", "--json", *arguments)) == expected


def test_every_form_tells_the_same_rows_and_columns(agent, recorded):
    names = ("run", "objective", "score", "tags")
    asked = ("runs", "--columns", ",".join(names))
    table = agent(*asked).out.split()
    rows = agent(*asked, "--json").json
    lines = list(csv.DictReader(io.StringIO(agent(*asked, "--csv").out)))
    marked = agent(*asked, "--markdown").out.splitlines()
    assert marked[0] == "| run | objective | score | tags |"
    for row, line, text in zip(rows, lines, marked[2:], strict=True):
        assert tuple(row) == names
        assert row["run"] in table
        assert row["run"] == line["run"] == text.split()[1]
    assert rows[0]["objective"] == "(expert)"
    assert rows[3]["score"]["mean"] == float(lines[3]["score"]) == 20.0
    assert "20.0 ± 19.6" in marked[5]
    assert rows[3]["tags"] == ["b", "paper"]
    assert rows[1]["score"] is None
    assert lines[1]["score_low"] == ""


def test_every_column_can_be_shown(agent, recorded):
    for form in ("--json", "--csv", "--markdown"):
        done = agent("runs", "--columns", ",".join(NAMES), form)
        assert done.status == 0, done.err
    assert tuple(agent("runs", "--columns", ",".join(NAMES), "--json").json[0]) == NAMES
    (run,) = agent("runs", "--backbone", "jump", "--columns", "recipe,parent,device", "--json").json
    assert run == {"recipe": "cd" * 32, "parent": "aa1", "device": "cpu"}


def test_columns_can_be_options_too(agent, recorded):
    names = "run,objective.beta,network.hidden,train.looks"
    rows = agent("runs", "--sort", "run", "--columns", names, "--json").json
    assert rows[0] == {
        "run": "aa1",
        "objective.beta": 2.0,
        "network.hidden": [8, 8],
        "train.looks": 2,
    }
    assert rows[3]["objective.beta"] is None
    marked = agent("runs", "--sort", "run", "--columns", names, "--markdown").out.splitlines()
    assert marked[2] == "| aa1 | 2 | 8,8 | 2 |"
    assert marked[5] == "| cc1 | – | – | – |"
    done = agent("runs", "--columns", "run,objective.bta")
    assert (done.status, done.out) == (2, "")
    assert done.err == (
        "error: none of the runs listed has 'objective.bta'; did you mean 'objective.beta'?\n"
    )
    assert agent("runs", "--state", "failed", "--columns", "objective.bta").status == 0


def test_nothing_is_cut_without_a_word(agent, recorded):
    done = agent("runs", "--limit", "3", "--json")
    assert len(done.json) == 3
    assert done.err == "3 of 4 runs; --limit 4 shows all\n"
    assert agent("runs", "--limit", "4").err == ""


def test_where_nothing_fits_it_says_so_and_what_is_near(agent, recorded):
    done = agent("runs", "--state", "failed")
    assert (done.status, done.out, done.err) == (0, "", "no such runs\n")
    done = agent("runs", "--dataset", "pointmaze/umazee", "--json")
    assert done.json == []
    assert done.err == (
        "no such runs; no recorded run has the dataset 'pointmaze/umazee'; did you mean "
        "'pointmaze/umaze'?\n"
    )
    assert (
        "no recorded run has the objective 'gmgp'; did you mean 'gmpg'?"
        in agent("runs", "--objective", "gmgp").err
    )
    assert (
        "no recorded run has the tag 'papr'; did you mean 'paper'?"
        in agent("runs", "--tag", "papr").err
    )
    assert agent("runs", "--critic", "iql", "--backbone", "flow").err == "no such runs\n"


def test_of_a_pattern_that_fits_nothing_not_every_known_name_is_told(agent, recorded):
    said = agent("runs", "--objective", "zz*", "--dataset", "ANT?", "--tag", "p?").err
    assert said == (
        "no such runs; no recorded run has the dataset 'ANT?'; no recorded run has the objective "
        "'zz*'; no recorded run has the tag 'p?'\n"
    )


def test_a_seed_that_no_run_can_have_fits_none(agent, recorded):
    done = agent("runs", "--seed", "99999999999999999999")
    assert (done.status, done.err) == (0, "no such runs\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("--columns", "run,scor"),
            "error: runs have no column 'scor', did you mean 'score'? choose from run, state,",
        ),
        (("--columns", ""), "error: runs have no column ''; choose from run, state, dataset,"),
        (
            ("--sort", "scor"),
            "error: runs cannot be sorted by 'scor', did you mean 'score'? choose from run,",
        ),
        (("--sort", "protocol"), "error: runs cannot be sorted by 'protocol'; choose from run,"),
        (("--state", "tired"), "error: there is no state 'tired'"),
        (("--since", "soon"), "error: --since takes a date such as"),
        (("--until", "soon"), "error: --until takes a date such as"),
        (("--csv", "--markdown"), "error: choose one of --json, --csv and --markdown"),
        (("--seed", "one"), "Invalid value for '--seed'"),
        (("--limit", "0"), "Invalid value for '--limit'"),
    ],
)
def test_what_cannot_be_meant_is_refused(agent, recorded, arguments, said):
    done = agent("runs", *arguments)
    assert done.status == 2
    assert done.out == ""
    assert said in done.err


def test_a_listing_without_a_registry_says_what_makes_one(agent):
    done = agent("runs")
    assert done.status == 4
    assert "there is no registry at" in done.err


def test_a_run_is_shown_in_every_form(agent, recorded):
    with Registry.open("registry.db") as registry:
        run = run_start("dd1")
        looks = [evaluation([v], selection=None, step=s) for s, v in ((50, 1.0), (100, 60.0))]
        record(registry, run, *looks, evaluation([70.0, 72.0]))
    table = agent("runs", "show", "dd").out
    assert "score by step: 2 looks of 1 episode, ● final 71.0 ± 2.0" in table
    marked = agent("runs", "show", "dd1", "--markdown").out
    for text in ("**run dd1**", "**parts**", "**scores**", "| backbone | flow | genpolicy | 1.0 |"):
        assert text in marked
    assert marked.count("```") == 2
    cells = dict(csv.reader(io.StringIO(agent("runs", "show", "dd", "--csv").out)))
    assert (cells["run"], cells["score"], cells["objective.beta"]) == ("dd1", "71.0", "2")
    assert "●" not in agent("runs", "show", "aa1").out, "without looks there is no curve"
