"""Somebody's own SQL: the views and nothing else, one selection, in bounds."""

import shutil
import sqlite3
import time
from contextlib import closing, suppress
from datetime import datetime

import pytest

from genpolicy.errors import RegistryError, UsageError
from genpolicy.registry import Registry
from genpolicy.registry.views import VIEWS


@pytest.fixture
def filled(registry, make_run, make_evaluation, metrics):
    writer = registry.start(make_run(tags=("paper",)))
    writer.on_metrics(metrics(10, loss=float("nan"), q=2.0))
    writer.on_evaluation(make_evaluation(10.0, 0.0, 50.0))
    writer.finish("finished")
    return registry


def test_every_view_can_be_asked(filled):
    for view in VIEWS:
        found = filled.sql(f"SELECT * FROM {view}")
        assert found.columns, view
        assert all(len(row) == len(found.columns) for row in found.rows)


def test_an_answer_has_columns_and_rows(filled):
    found = filled.sql("SELECT id, score_mean AS score, episodes FROM v_runs;\n-- the end")
    assert found.columns == ("id", "score", "episodes")
    assert found.rows == (("a1b2c3", pytest.approx(10.0), 3),)
    assert not found.truncated


def test_an_answer_is_cut_at_its_limit_and_says_so(filled):
    query = "SELECT position FROM v_episodes ORDER BY position"
    assert filled.sql(query, limit=3) == filled.sql(query)
    cut = filled.sql(query, limit=2)
    assert (cut.rows, cut.truncated) == (((0,), (1,)), True)


def test_values_are_the_same_on_every_kind_of_database(filled):
    (created,) = filled.sql("SELECT created FROM v_runs").rows[0]
    assert datetime.fromisoformat(created).year >= 2024
    (options,) = filled.sql("SELECT options FROM v_parts WHERE slot = 'backbone'").rows[0]
    assert options == '{"sigma": 0.1}'
    assert filled.sql("SELECT avg(step), sum(step) FROM v_scores").rows == ((100.0, 100),)


def test_a_like_with_percent_signs_is_left_alone(filled):
    assert (
        len(filled.sql("SELECT id FROM v_runs WHERE id LIKE 'a%' AND id NOT LIKE '%s'").rows) == 1
    )


NO_SELECTIONS = (
    "DELETE FROM v_runs",
    "INSERT INTO tags VALUES ('a1b2c3', 'x')",
    "UPDATE runs SET seed = 1",
    "DROP VIEW v_runs",
    "CREATE TABLE mine (x INTEGER)",
    "SELECT 1; SELECT 2",
    "SELECT 1; DROP TABLE tags",
    "COMMIT; DROP TABLE tags",
    "BEGIN",
    "VACUUM",
    "SELEC 1",
    "SELECT nothing FROM v_runs",
    "SELECT * FROM v_nothing",
    "",
    "-- only a comment",
)


def test_what_is_no_selection_is_refused_and_nothing_changes(filled):
    before = repr(filled.run("a1b2c3"))
    for query in NO_SELECTIONS:
        with pytest.raises(UsageError, match="the SQL cannot be answered: ") as caught:
            filled.sql(query)
        assert str(caught.value).endswith(f"what can is one SELECT from {', '.join(VIEWS)}")
        assert caught.value.exit_code == 2
    assert repr(filled.run("a1b2c3")) == before


def test_a_query_that_takes_too_long_is_ended(filled):
    endless = (
        "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT count(*) FROM t"
    )
    began = time.monotonic()
    with pytest.raises(UsageError, match=r"took longer than 0\.2 seconds; select less, or allow"):
        filled.sql(endless, seconds=0.2)
    assert time.monotonic() - began < 5
    assert filled.sql("SELECT count(*) FROM v_runs").rows == ((1,),), "the next one is answered"


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("SELECT * FROM runs", "no such view: runs"),
        ("WITH v_runs AS (SELECT * FROM runs) SELECT * FROM v_runs", "no such view: runs"),
        ("SELECT (SELECT seed FROM runs) FROM v_runs", "no such view: runs"),
        ("SELECT * FROM sqlite_master", "sqlite_master is no documented view"),
        ("SELECT count(*) FROM sqlite_master", "sqlite_master is no documented view"),
        ("SELECT * FROM pragma_table_info('runs')", "not authorized|prohibited|it is no SELECT"),
        ("PRAGMA journal_mode = DELETE", "it is no SELECT"),
        ("ATTACH 'elsewhere.db' AS other", "it is no SELECT"),
        ("REINDEX", "it is no SELECT"),
        ("SELECT load_extension('evil')", "not authorized to use function: load_extension"),
        ("SELECT hex(zeroblob(100000000))", "string or blob too big"),
        ("EXPLAIN SELECT 1", "syntax error"),
        ("QUERY PLAN SELECT 1", "syntax error"),
        ("SELECT ?", "bindings"),
        ("SELECT '\0'", "null character"),
        ("SELECT '\udce9'", "surrogates not allowed"),
    ],
)
def test_a_file_gives_nothing_but_its_views(path, filled, query, reason):
    with pytest.raises(UsageError, match=f"cannot be answered: .*({reason})"):
        filled.sql(query)


def test_a_file_cannot_be_copied_out(path, filled, tmp_path):
    with pytest.raises(UsageError, match="it is no SELECT"):
        filled.sql(f"VACUUM INTO '{tmp_path / 'stolen.db'}'")
    assert not (tmp_path / "stolen.db").exists()


def test_what_a_function_writes_on_a_server_is_undone(server, filled):
    for query in ("SELECT lo_create(0)", "SELECT nextval('events_id_seq')"):
        with suppress(UsageError):  # newer servers refuse the first
            filled.sql(query)
    assert filled.sql("SELECT count(*) FROM pg_largeobject_metadata").rows == ((0,),)


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("SET TRANSACTION READ WRITE", "syntax error"),
        ("WITH x AS (DELETE FROM tags RETURNING *) SELECT * FROM x", "data-modifying"),
        ("SELECT set_config('transaction_read_only', 'off', true)", "must be set before any query"),
        ("SELECT nextval('events_id_seq')", "read-only transaction"),
        ("SELECT '\udce9'", "surrogates not allowed"),
        ("SELECT 1 / 0", "division by zero"),
    ],
)
def test_a_server_only_reads(server, filled, query, reason):
    with pytest.raises(UsageError, match=f"cannot be answered: .*{reason}"):
        filled.sql(query)


def test_odd_values_of_a_server_are_plain(server, filled):
    query = "SELECT 1.5::numeric, 10::numeric, ARRAY[1, 2], '\\x00ff'::bytea, '1 day'::interval"
    assert filled.sql(query).rows == ((1.5, 10, "[1, 2]", "00ff", "1 day, 0:00:00"),)


def test_json_in_a_file_can_be_taken_apart(path, filled):
    query = "SELECT o.key, o.value FROM v_parts, json_each(v_parts.options) AS o"
    assert filled.sql(query).rows == (("sigma", 0.1),)


def test_odd_values_of_a_file_are_plain(path, filled):
    odd = filled.sql("SELECT x'ff00', CAST(x'ff' AS TEXT), 9e999, NULL").rows
    assert odd == (("ff00", "\N{REPLACEMENT CHARACTER}", float("inf"), None),)


def test_a_damaged_file_is_no_fault_of_the_sql(path, filled):
    filled.compact()
    data = path.read_bytes()
    path.write_bytes(data[:4096] + b"\xff" * (len(data) - 4096))
    with pytest.raises(RegistryError, match=r"is damaged \("):
        filled.sql("SELECT * FROM v_runs")


def test_a_file_of_an_older_schema_is_asked_in_a_copy(path, filled, pytestconfig):
    filled.close()
    old = pytestconfig.rootpath / "tests" / "core" / "registry" / "schemas" / "schema-1.sqlite.sql"
    path.unlink()
    with closing(sqlite3.connect(path)) as file:
        file.executescript(old.read_text())
    before = path.read_bytes()
    with Registry.open(path, read_only=True) as registry:
        assert registry.sql("SELECT count(*) FROM v_runs").rows[0][0] > 0
        with pytest.raises(RegistryError, match=str(path)):
            registry.run("nosuch")
    assert path.read_bytes() == before


def test_a_file_in_a_read_only_folder_is_asked(path, filled, as_nobody, open_folder):
    filled.compact()
    shutil.copy(path, open_folder / "registry.db")
    open_folder.chmod(0o555)
    count = as_nobody(lambda: _count(open_folder / "registry.db"))
    assert count == "((1,),)"


def _count(place):
    with Registry.open(place, read_only=True) as registry:
        return registry.sql("SELECT count(*) FROM v_runs").rows


def test_a_servers_limit_cannot_be_lifted(server, filled):
    query = (
        "SELECT CASE WHEN i < 2 THEN set_config('statement_timeout', '0', false) "
        "ELSE pg_sleep(20)::text END FROM generate_series(1, 3) i"
    )
    began = time.monotonic()
    with pytest.raises(UsageError, match=r"took longer than 0\.5 seconds; select less, or allow"):
        filled.sql(query, seconds=0.5)
    assert time.monotonic() - began < 10
    assert filled.sql("SELECT count(*) FROM v_runs").rows == ((1,),), "the next one is answered"
