"""``agent runs sql``."""

import io
import sys

import pytest

from genpolicy.registry import Registry
from recorded import evaluation, record, run_start


@pytest.fixture(autouse=True)
def recorded(place):
    with Registry.open("registry.db") as registry:
        for seed in range(3):
            record(registry, run_start(f"a{seed}", seed=seed), evaluation([10.0 * seed]))


def test_an_answer_has_the_same_rows_and_columns_in_every_form(agent):
    query = "SELECT id, score_mean AS score FROM v_runs ORDER BY id LIMIT 2"
    assert agent("runs", "sql", query, "--json").json == [
        {"id": "a0", "score": 0.0},
        {"id": "a1", "score": 10.0},
    ]
    assert agent("runs", "sql", query, "--csv").out == "id,score\na0,0.0\na1,10.0\n"
    marked = agent("runs", "sql", query, "--markdown").out.splitlines()
    assert marked == ["| id | score |", "| --- | ---: |", "| a0 | 0 |", "| a1 | 10 |"]
    assert agent("runs", "sql", query).out.split()[:2] == ["id", "score"]


def test_rows_beyond_the_limit_are_told_of(agent):
    done = agent("runs", "sql", "SELECT id FROM v_runs", "--limit", "2", "--json")
    assert len(done.json) == 2
    assert done.err == "only the first 2 rows; --limit N shows more\n"
    assert agent("runs", "sql", "SELECT id FROM v_runs", "--limit", "3").err == ""


def test_an_answer_without_rows_says_so(agent):
    done = agent("runs", "sql", "SELECT id FROM v_runs WHERE seed = 9")
    assert (done.status, done.out, done.err) == (0, "", "no rows\n")
    assert agent("runs", "sql", "SELECT id FROM v_runs WHERE seed = 9", "--json").json == []


def test_columns_of_one_name_are_told_apart(agent):
    found = agent("runs", "sql", "SELECT 1 AS a, 2 AS a, 3 AS a_2, 4 AS a", "--json").json
    assert found == [{"a": 1, "a_2": 2, "a_2_2": 3, "a_3": 4}]


def test_a_query_comes_from_a_file_or_the_standard_input(agent, place, monkeypatch):
    (place / "query.sql").write_text("SELECT count(*) AS runs\nFROM v_runs; -- all\n")
    assert agent("runs", "sql", "--file", "query.sql", "--json").json == [{"runs": 3}]
    monkeypatch.setattr(sys, "stdin", io.StringIO("SELECT 7 AS n"))
    assert agent("runs", "sql", "-", "--json").json == [{"n": 7}]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("DELETE FROM v_runs",), "cannot modify v_runs because it is a view"),
        (("DROP TABLE runs",), "error: the SQL cannot be answered: "),
        (
            ("SELECT * FROM runs",),
            "no such view: runs; what can is one SELECT from v_runs, v_scores",
        ),
        (("SELEC 1",), 'near "SELEC": syntax error; what can is one SELECT from v_runs'),
        (("SELECT 1; SELECT 2",), "one statement at a time"),
        ((), 'error: give one query: as text, such as "SELECT * FROM v_runs", or as --file'),
        (("SELECT 1", "--file", "x.sql"), "error: give one query: as text"),
        (("--file", "x.sql"), "error: the file 'x.sql' cannot be read: No such file or directory"),
        (("SELECT 1", "--json", "--csv"), "error: choose one of --json, --csv and --markdown"),
        (("SELECT 1", "--limit", "0"), "Invalid value for '--limit'"),
        (
            (
                "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT * FROM t "
                "ORDER BY n",
                "--seconds",
                "0.1",
            ),
            "error: the SQL took longer than 0.1 seconds; select less, or allow more time",
        ),
    ],
)
def test_what_is_refused_takes_one_sentence_and_changes_nothing(agent, arguments, said):
    done = agent("runs", "sql", *arguments)
    assert done.status == 2
    assert done.out == ""
    assert said in done.err
    if done.err.startswith("error: "):
        assert done.err.count("\n") == 1
    assert len(agent("runs", "--json").json) == 3


def test_a_file_that_is_no_text_is_refused(agent, place):
    (place / "query.sql").write_bytes(b"SELECT '\xff'")
    done = agent("runs", "sql", "--file", "query.sql")
    assert done.status == 2
    assert done.err == "error: the file 'query.sql' cannot be read: it is not UTF-8 text\n"


def test_without_a_registry_there_is_nothing_to_ask(agent):
    done = agent("runs", "sql", "SELECT 1", "--registry", "elsewhere.db")
    assert done.status == 4
    assert "there is no registry at" in done.err
