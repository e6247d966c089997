import math
import sqlite3
from contextlib import closing

import pytest

from genpolicy.errors import UnknownRunError
from genpolicy.intervals import mean_interval, share_interval
from genpolicy.records import DatasetRecord
from genpolicy.registry import RunQuery
from genpolicy.registry.views import KINDS


def test_runs_are_listed_newest_first(registry, make_run, backdoor):
    for name in ("c1", "a2", "b3"):
        registry.start(make_run(name)).finish("finished")
    backdoor.execute("UPDATE runs SET created = '2020-01-01 00:00:00.000000' WHERE id = 'a2'")
    backdoor.execute("UPDATE runs SET created = '2021-01-01 00:00:00.000000' WHERE id = 'c1'")
    assert [run.id for run in registry.runs()] == ["b3", "c1", "a2"]
    assert [run.id for run in registry.runs(RunQuery(limit=2))] == ["b3", "c1"]


def test_runs_are_chosen_by_state_and_data(registry, make_run, make_evaluation):
    other = DatasetRecord(name="mine.npz", fingerprint="0", transitions=1, episodes=1)
    registry.start(make_run("one")).finish("finished")
    registry.start(make_run("two", dataset=other)).finish("failed")
    registry.start(make_run("three", dataset=other)).finish("finished")
    assert {run.id for run in registry.runs(RunQuery(states=("finished",)))} == {"one", "three"}
    assert {run.id for run in registry.runs(RunQuery(datasets=("mine.npz",)))} == {"two", "three"}
    assert {
        run.id for run in registry.runs(RunQuery(states=("finished",), datasets=("mine.npz",)))
    } == {"three"}
    assert registry.runs(RunQuery(states=("lost",))) == []


def test_a_summary_shows_the_last_checkpoint_with_intervals(registry, make_run, make_evaluation):
    writer = registry.start(make_run())
    writer.on_evaluation(make_evaluation(500.0, step=900, selection=None))
    writer.on_evaluation(make_evaluation(10.0, 0.0, 50.0, step=1000))
    writer.on_evaluation(make_evaluation(300.0, step=1000, selection="best"))
    writer.finish("finished")
    (summary,) = registry.runs()
    assert summary.return_ == mean_interval([10.0, 0.0, 50.0])
    assert summary.score == mean_interval([5.0, 0.0, 25.0])
    assert summary.success == share_interval(2, 3)
    assert (summary.episodes, summary.protocol, summary.selection) == (3, "horizon-300", "last")
    assert summary.parts == {"backbone": "genpolicy/flow", "solver": "x/euler"}
    assert (summary.dataset, summary.seed, summary.step) == ("pointmaze/umaze", 7, 1000)
    assert registry.run("a1b2c3").final_evaluation.return_ == summary.return_


def test_a_summary_tells_settings_where_they_are_asked_for(registry, make_run):
    options = {"beta": 2.0, "hidden": [8, 8], "limit": None}
    recipe = {"parts": {"objective": {"name": "genpolicy/gmpg", "options": options}}}
    registry.start(make_run(recipe=recipe)).finish("finished")
    assert registry.runs()[0].settings == {}
    (summary,) = registry.runs(settings=True)
    assert summary.settings["objective.beta"] == 2.0
    keys = ("objective.beta", "objective.hidden", "objective.limit", "objective.x")
    assert [summary.setting(key) for key in keys] == [2.0, (8, 8), "none", None]


def test_another_selection_is_shown_when_there_is_no_last(registry, make_run, make_evaluation):
    writer = registry.start(make_run())
    writer.on_evaluation(make_evaluation(10.0, step=1000, selection="best"))
    writer.finish("finished")
    assert registry.runs()[0].selection == "best"


def test_a_run_without_an_evaluation_has_no_score(registry, make_run, make_evaluation):
    writer = registry.start(make_run())
    writer.on_evaluation(make_evaluation(1.0, selection=None))
    writer.finish("failed")
    (summary,) = registry.runs()
    assert (summary.score, summary.return_, summary.success) == (None, None, None)
    assert (summary.episodes, summary.protocol, summary.selection) == (0, None, None)


def test_a_silent_run_is_lost_and_nothing_is_written(registry, make_run, backdoor):
    writer = registry.start(make_run())
    assert registry.runs()[0].state == "running"
    writer.close()
    backdoor.silence(59)
    assert registry.runs()[0].state == "running"
    backdoor.silence(61)
    assert registry.runs()[0].state == "lost"
    assert registry.run("a1b2c3").state == "lost"
    assert [run.id for run in registry.runs(RunQuery(states=("lost",)))] == ["a1b2c3"]
    assert registry.runs(RunQuery(states=("running",))) == []
    assert backdoor.execute("SELECT state FROM v_runs") == [("lost",)]
    assert backdoor.execute("SELECT state FROM runs") == [("running",)]


def test_a_finished_run_is_never_lost(registry, make_run, backdoor):
    registry.start(make_run()).finish("finished")
    backdoor.silence(10_000)
    assert registry.runs()[0].state == "finished"


def test_a_run_is_found_by_what_only_it_begins_with(registry, make_run):
    for name in ("abc1", "abc12", "xyz"):
        registry.start(make_run(name)).finish("finished")
    assert registry.run("x").id == "xyz"
    assert registry.run("abc1").id == "abc1", "the whole identifier wins"
    assert registry.run("abc12").id == "abc12"


def test_an_ambiguous_run_is_refused_with_the_candidates(registry, make_run):
    for index in range(7):
        registry.start(make_run(f"ab{index}")).finish("finished")
    with pytest.raises(UnknownRunError) as caught:
        registry.run("ab")
    message = str(caught.value)
    assert message.startswith(f"7 runs in {registry.name} begin with 'ab': ")
    assert message.endswith(" and 2 more; give more letters")
    assert message.count(", ") == 4


def test_an_unknown_run_is_refused_with_the_newest(registry, make_run):
    with pytest.raises(UnknownRunError, match="holds no run 'q'; it holds none yet"):
        registry.run("q")
    registry.start(make_run()).finish("finished")
    with pytest.raises(UnknownRunError, match="holds no run 'q'; the newest are a1b2c3"):
        registry.run("q")


def test_signs_of_patterns_in_a_prefix_are_plain_letters(registry, make_run):
    registry.start(make_run()).finish("finished")
    for prefix in ("%", "_", "a%"):
        with pytest.raises(UnknownRunError):
            registry.run(prefix)


def test_notes_and_tags_are_read(registry, make_run, backdoor):
    registry.start(make_run(tags=("paper", "paper", "final"))).finish("finished")
    backdoor.execute(
        "INSERT INTO notes (run_id, note, recorded) "
        "VALUES ('a1b2c3', 'odd curve', '2026-01-02 03:04:05.000000')",
    )
    detail = registry.run("a1b2c3")
    assert detail.start.tags == ("final", "paper")
    assert (detail.notes[0].message, detail.notes[0].time.year) == ("odd curve", 2026)


def test_the_views_agree_with_the_records(registry, make_run, make_evaluation, metrics, backdoor):
    writer = registry.start(make_run())
    writer.on_metrics(metrics(10, loss=float("nan"), q=2.0))
    writer.on_evaluation(make_evaluation(30.0, 0.0, step=50, selection=None))
    writer.on_evaluation(make_evaluation(10.0, 0.0, 50.0))
    writer.finish("finished", "well")
    registry.start(make_run("empty")).finish("failed")
    summaries = {summary.id: summary for summary in registry.runs()}
    rows = {row["id"]: row for row in backdoor.view("v_runs")}
    assert rows.keys() == summaries.keys()
    row, summary = rows["a1b2c3"], summaries["a1b2c3"]
    assert row["score_mean"] == pytest.approx(summary.score.mean)
    assert row["return_mean"] == pytest.approx(summary.return_.mean)
    assert row["success_rate"] == pytest.approx(summary.success.mean)
    assert (row["episodes"], row["selection"], row["protocol"]) == (3, "last", "horizon-300")
    assert (row["backbone"], row["solver"], row["critic"]) == ("genpolicy/flow", "x/euler", None)
    assert (row["state"], row["message"], row["dataset"]) == ("finished", "well", "pointmaze/umaze")
    assert rows["empty"]["score_mean"] is None
    scores = backdoor.view("v_scores")
    assert [(row["step"], row["score_mean"]) for row in scores] == [(50, 7.5), (100, 10.0)]
    assert scores[0]["steps_to_success_mean"] == 20.0
    assert {(row["name"], row["value"], row["special"]) for row in backdoor.view("v_metrics")} == {
        ("loss", None, "nan"),
        ("q", 2.0, None),
    }
    assert [row["name"] for row in backdoor.view("v_parts") if row["run_id"] == "empty"] == [
        "genpolicy/flow",
        "x/euler",
    ]


def test_several_parts_of_a_kind_share_a_column(registry, make_run, backdoor):
    import attrs

    run = make_run()
    student = attrs.evolve(run.parts[0], slot="student.backbone", name="genpolicy/one-step")
    registry.start(attrs.evolve(run, parts=(*run.parts, student))).finish("finished")
    assert backdoor.view("v_runs")[0]["backbone"] == "genpolicy/flow, genpolicy/one-step"


def test_a_mean_over_nan_is_no_number(registry, make_run, make_evaluation, backdoor):
    writer = registry.start(make_run())
    writer.on_evaluation(make_evaluation(1.0, float("nan")))
    writer.finish("finished")
    assert backdoor.view("v_scores")[0]["return_mean"] is None
    assert str(registry.runs()[0].return_.mean) == "nan"


def test_the_documented_columns_are_those_of_the_views(path, registry, pytestconfig):
    text = (pytestconfig.rootpath / "docs" / "registry.md").read_text()
    for name in ("v_runs", "v_scores", "v_metrics", "v_parts"):
        with closing(sqlite3.connect(path)) as file:
            columns = [column[0] for column in file.execute(f"SELECT * FROM {name}").description]
        (line,) = [line for line in text.splitlines() if line.startswith(f"| `{name}`")]
        documented = [word.strip(" `") for word in line.split("|")[3].split(",")]
        assert documented == columns
    assert set(KINDS) <= set(text.replace("`", " ").replace(",", " ").split())


def test_returns_that_are_not_finite_have_no_mean_wherever_it_is_asked(
    registry, make_run, make_evaluation
):
    for id, values in (("inf", (1.0, math.inf)), ("nan", (1.0, math.nan)), ("none", ())):
        writer = registry.start(make_run(id))
        writer.on_evaluation(make_evaluation(*values))
        writer.finish("finished")
    listed = {run.id: run for run in registry.runs()}
    for id in ("inf", "nan"):
        detail = registry.run(id).final_evaluation
        for of_detail, of_line in (
            (detail.return_, listed[id].return_),
            (detail.score, listed[id].score),
        ):
            assert repr(of_detail) == repr(of_line)
            assert math.isnan(of_line.mean)
    assert (listed["none"].score, registry.run("none").final_evaluation.score) == (None, None)
    query = "SELECT return_mean, score_mean FROM v_scores"
    assert set(registry.sql(query).rows) == {(None, None)}
