"""A registry and its runs, moved together."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from genpolicy.records import ArtifactRecord
from genpolicy.registry import Registry, migrations, schema
from genpolicy.registry.places import Places


def artifact(path, step=5):
    return ArtifactRecord(kind="checkpoint", path=str(path), sha256="0" * 64, bytes=1, step=step)


def record(location, run, path):
    with Registry.open(location) as registry:
        writer = registry.start(run)
        writer.on_artifact(artifact(path))
        assert writer.finish("interrupted")


def stored(path):
    with closing(sqlite3.connect(path)) as file:
        (directory,) = file.execute("SELECT directory FROM v_runs").fetchone()
        (artifact,) = file.execute("SELECT path FROM artifacts").fetchone()
    return directory, artifact


@pytest.fixture
def project(tmp_path, make_run):
    """A folder with a registry and the folder of a run in it."""
    folder = tmp_path / "project"
    run = make_run(directory=str(folder / "runs" / "a1b2c3"))
    Path(run.directory).mkdir(parents=True)
    record(folder / "registry.db", run, f"{run.directory}/checkpoints/5")
    return folder


def test_paths_under_the_registrys_folder_are_stored_relative(project):
    assert stored(project / "registry.db") == ("runs/a1b2c3", "runs/a1b2c3/checkpoints/5")
    with Registry.open(project / "registry.db", read_only=True) as registry:
        detail = registry.run("a1b2c3")
    assert detail.start.directory == str(project / "runs" / "a1b2c3")
    assert detail.artifacts[0].path == str(project / "runs" / "a1b2c3" / "checkpoints" / "5")


def test_a_registry_that_was_moved_with_its_runs_reads_and_resumes(project, metrics):
    moved = project.rename(project.parent / "elsewhere")
    folder = moved / "runs" / "a1b2c3"
    problems = []
    with Registry.open(moved / "registry.db") as registry:
        detail = registry.run("a1b2c3")
        assert detail.start.directory == str(folder)
        assert detail.artifacts[0].path == str(folder / "checkpoints" / "5")
        writer = registry.claim("a1b2c3", on_problem=problems.append)
        writer.rewind(5)
        writer.on_artifact(artifact(folder / "checkpoints" / "5"))
        assert writer.flush(5)
        assert len(registry.run("a1b2c3").artifacts) == 1, "the same file is not told twice"
        (moved / "registry.db").unlink()
        writer.on_artifact(artifact(folder / "checkpoints" / "9", step=9))
        assert not writer.finish("finished")
    assert str(folder / "unrecorded.jsonl") in problems[0]
    first, second, *_ = map(json.loads, (folder / "unrecorded.jsonl").open())
    assert (first["record"], first["directory"]) == ("start", ".")
    assert second["path"] == "checkpoints/9", "it is told from where the file lies"


def test_paths_elsewhere_stay_absolute(tmp_path, make_run):
    place = tmp_path / "project" / "registry.db"
    place.parent.mkdir()
    outside = tmp_path / "project-2" / "runs"
    record(place, make_run(directory=str(outside)), outside / "agent")
    assert stored(place) == (str(outside), str(outside / "agent"))
    moved = place.rename(tmp_path / "registry.db")
    with Registry.open(moved, read_only=True) as registry:
        detail = registry.run("a1b2c3")
    assert detail.start.directory == str(outside)
    assert detail.artifacts[0].path == str(outside / "agent")


def test_a_registry_named_from_where_one_stands_is_no_different(tmp_path, make_run, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = make_run(directory=str(tmp_path / "runs" / "a1b2c3"))
    record("registry.db", run, tmp_path / "runs" / "x")
    assert stored("registry.db") == ("runs/a1b2c3", "runs/x")
    (tmp_path / "below").mkdir()
    monkeypatch.chdir("below")
    with Registry.open("../registry.db", read_only=True) as registry:
        assert registry.run("a1b2c3").start == run


def test_an_old_registry_that_is_only_read_still_knows_its_folder(project, monkeypatch):
    monkeypatch.setattr(schema, "SCHEMA_VERSION", schema.SCHEMA_VERSION + 1)
    monkeypatch.setattr(migrations, "STEPS", {})
    monkeypatch.setattr("genpolicy.registry.versions.migrate_tables", lambda *arguments: None)
    with Registry.open(project / "registry.db", read_only=True) as registry:
        assert registry.run("a1b2c3").start.directory == str(project / "runs" / "a1b2c3")


def test_links_lead_to_the_same_places(tmp_path):
    folder = tmp_path / "real"
    (tmp_path / "disk").mkdir()
    folder.mkdir()
    (tmp_path / "link").symlink_to(folder)
    (folder / "runs").symlink_to(tmp_path / "disk")
    (tmp_path / "linked.db").symlink_to(folder / "registry.db")
    for file in (folder / "registry.db", tmp_path / "link" / "registry.db", tmp_path / "linked.db"):
        places = Places.beside(file)
        assert places.encode(str(tmp_path / "link" / "x")) == "x"
        assert places.encode(str(folder / "runs" / "x")) == "runs/x"
        assert places.decode("runs/x") == str(folder / "runs" / "x")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/project", "."),
        ("/project/a/../b", "b"),
        ("/project/../other", "/project/../other"),
        ("/other/../project/b", "b"),
        ("/projects/b", "/projects/b"),
    ],
)
def test_dots_do_not_lead_astray(path, expected):
    places = Places(Path("/project"))
    assert places.encode(path) == expected
    assert Path(places.decode(expected)).resolve() == Path(path).resolve()


def test_a_server_stores_absolute_paths(
    server, registry, backdoor, make_run, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    registry.start(make_run(directory="runs/x")).close()
    assert backdoor.view("v_runs")[0]["directory"] == str(tmp_path / "runs" / "x")
    assert registry.run("a1b2c3").start.directory == str(tmp_path / "runs" / "x")
