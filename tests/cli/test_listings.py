"""The same rows and columns as a table, JSON, CSV and Markdown."""

import csv
import io
import json
import math
from collections import Counter
from datetime import UTC, datetime

import pytest

from genpolicy.errors import UsageError
from genpolicy.intervals import Interval
from genpolicy_cli import output, words
from genpolicy_cli.listings import Column, Printed, interval, number, show_rows

TIME = datetime(2026, 7, 1, 12, 30, tzinfo=UTC)
FULL = {
    "name": "a|b\nc",
    "score": Interval(mean=92.14, low=89.84, high=94.44),
    "solved": Interval(mean=0.98, low=0.93, high=0.994),
    "steps": 1234,
    "time": TIME,
    "tags": ("one", "two"),
    "loss": math.nan,
    "sure": True,
}
EMPTY = dict.fromkeys(FULL)


def value(key):
    return lambda row: row[key]


COLUMNS = (
    Column("name", value("name")),
    interval("score", value("score")),
    interval("solved", value("solved"), words.share),
    number("steps", value("steps")),
    Column("time", value("time")),
    Column("tags", value("tags")),
    number("loss", value("loss")),
    Column("sure", value("sure")),
)


@pytest.fixture
def shown(capsys):
    def show(form, rows=(FULL, EMPTY), **options):
        show_rows(rows, COLUMNS, form, **options)
        return capsys.readouterr()

    return show


def test_a_table_tells_means_with_their_intervals(shown):
    text = shown("table", title="mine").out
    for expected in ("mine", "92.1 ± 2.3", "98.0 % (93.0–99.4)", "1,234", "one, two", "nan", "yes"):
        assert expected in text
    assert "–" in text.splitlines()[-2], "what is not known is a dash"


@pytest.mark.parametrize("width", [20, 50, 60, 70, 200])
def test_a_table_cuts_nothing_however_narrow_the_terminal_is(monkeypatch, capsys, width):
    columns = (
        Column("name", value("name"), wraps=False),
        Column("place", value("place")),
        interval("score", value("score")),
    )
    row = {"name": "abcdefghijkl", "place": "there/and/back", "score": FULL["score"]}
    monkeypatch.setattr(output, "_PIPED_WIDTH", width)
    show_rows([row], columns, "table")
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= width
    assert Counter("abcdefghijklthere/and/back92.1±2.3") <= Counter("".join(lines))
    if width > 40:
        assert "abcdefghijkl" in lines[3]
        assert "92.1 ± 2.3" in lines[3]


def test_json_is_a_list_of_objects(shown):
    full, empty = json.loads(shown("json").out)
    assert list(full) == list(empty) == [column.name for column in COLUMNS]
    assert full["score"] == {"mean": 92.14, "low": 89.84, "high": 94.44}
    assert (full["time"], full["tags"], full["loss"]) == (TIME.isoformat(), ["one", "two"], "nan")
    assert set(empty.values()) == {None}
    assert json.loads(shown("json", rows=()).out) == []


def test_csv_has_three_columns_for_an_interval_however_many_rows_there_are(shown):
    text = shown("csv").out
    full, empty = csv.DictReader(io.StringIO(text))
    assert [full[f"score{end}"] for end in ("", "_low", "_high")] == ["92.14", "89.84", "94.44"]
    assert (full["name"], full["time"], full["sure"]) == ("a|b\nc", TIME.isoformat(), "true")
    assert (full["loss"], full["tags"]) == ("nan", "one, two")
    assert set(empty.values()) == {""}
    assert shown("csv", rows=()).out == text.splitlines()[0] + "\n"


def test_ends_of_an_interval_that_nobody_knows_are_null_or_empty(capsys):
    one_episode = Interval(mean=3.0, low=math.nan, high=math.nan)
    columns = (interval("score", lambda row: row),)
    show_rows([one_episode], columns, "json")
    (row,) = json.loads(capsys.readouterr().out)
    assert row == {"score": {"mean": 3.0, "low": None, "high": None}}
    show_rows([one_episode], columns, "csv")
    assert capsys.readouterr().out == "score,score_low,score_high\n3.0,,\n"


def test_markdown_stays_a_table_whatever_a_text_holds(shown):
    lines = shown("markdown", title="mine").out.splitlines()
    assert lines[:2] == ["**mine**", ""]
    assert lines[2] == "| name | score | solved | steps | time | tags | loss | sure |"
    assert lines[3] == "| --- | ---: | ---: | ---: | --- | --- | ---: | --- |"
    assert lines[4].startswith("| a\\|b c | 92.1 ± 2.3 | 98.0 % (93.0–99.4) | 1,234 |")
    assert len(lines) == 6


def test_remarks_stay_out_of_the_results(shown):
    for form in ("table", "json", "csv", "markdown"):
        said = shown(form, remarks=("two of nine",))
        assert "two of nine" in said.err
        assert "two of nine" not in said.out


def test_one_form_is_chosen_at_most():
    assert Printed().form == "table"
    assert Printed(as_json=True).form == "json"
    assert Printed(as_csv=True).form == "csv"
    assert Printed(as_markdown=True).form == "markdown"
    with pytest.raises(UsageError, match="choose one of --json, --csv and --markdown"):
        Printed(as_json=True, as_csv=True)
