"""Registries that older versions wrote, brought up to date."""

import importlib.util
import sqlite3
from contextlib import closing
from multiprocessing import get_context
from pathlib import Path
from pprint import pformat

import attrs
import pytest
from sqlalchemy import make_url

from backdoor import Backdoor
from genpolicy.errors import RegistryError
from genpolicy.registry import Registry, schema

SCHEMAS = Path(__file__).with_name("schemas")
RELEASED = sorted(int(file.name.split(".")[0][7:]) for file in SCHEMAS.glob("*.sqlite.sql"))
IDS = ("finished1", "diverged1", "stopped1", "running1", "expert1")
VIEWS = ("v_runs", "v_scores", "v_metrics", "v_parts")
fork = get_context("fork")


@pytest.fixture(scope="module")
def make():
    """The module that made the old registries."""
    spec = importlib.util.spec_from_file_location("make", SCHEMAS / "make.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(params=RELEASED)
def version(request):
    return request.param


@pytest.fixture
def old(empty, version):
    """Where a registry of an older schema is."""
    kind = make_url(empty).get_backend_name()
    script = (SCHEMAS / f"schema-{version}.{kind}.sql").read_text()
    if kind == "sqlite":
        with closing(sqlite3.connect(make_url(empty).database)) as file:
            file.executescript(script)
    else:
        import psycopg

        with psycopg.connect(empty.replace("+psycopg", ""), autocommit=True) as server:
            server.execute(script)
    return empty


@pytest.fixture
def fresh(make, database_kind, request, tmp_path_factory):
    """Where the present program wrote what older ones had written."""
    if database_kind == "sqlite":
        folder = tmp_path_factory.mktemp("fresh").resolve()
        yield fill(make, f"sqlite:///{folder / 'registry.db'}", folder)
        return
    server = request.getfixturevalue("server")
    name = server.new_database()
    yield fill(make, server.url(name), Path("/data"))
    server.drop(name)


def fill(make, location, folder):
    with Registry.open(location) as registry:
        make.fill(registry, folder)
    return location


def brought_up_to_date(location):
    with Registry.open(location) as registry:
        return registry.notice


def answers(location, make, views=VIEWS):
    """Return all that a registry says, but for what no two registries have in common."""
    with Registry.open(location, read_only=True) as registry:
        details = {run: attrs.asdict(registry.run(run)) for run in IDS}
        summaries = {run.id: attrs.asdict(run) for run in registry.runs() if run.id in IDS}
    seen = {name: viewed(location, name) for name in views}
    text = pformat(without([details, summaries, seen], make.NEVER_SAME))
    file = Path(make_url(location).database)
    return text.replace(str(file.parent), "FOLDER") if file.is_absolute() else text


def viewed(location, view):
    column = "id" if view == "v_runs" else "run_id"
    rows = Backdoor(location).view(view)
    return sorted((row for row in rows if row[column] in IDS), key=repr)


def without(value, names):
    if isinstance(value, dict):
        return {key: without(each, names) for key, each in value.items() if key not in names}
    return [without(each, names) for each in value] if isinstance(value, (list, tuple)) else value


def test_a_migrated_registry_is_built_like_a_fresh_one(old, fresh):
    before = Backdoor(old).structure()
    brought_up_to_date(old)
    after = Backdoor(old).structure()
    assert after == Backdoor(fresh).structure()
    assert before != after


def test_a_migrated_registry_answers_like_a_fresh_one(old, fresh, make):
    brought_up_to_date(old)
    answered = answers(old, make)
    assert answered == answers(fresh, make)
    assert "nan" in answered


def test_a_migrated_registry_takes_runs_and_goes_on_with_old_ones(old, make_run, metrics):
    brought_up_to_date(old)
    with Registry.open(old) as registry:
        assert registry.start(make_run()).finish("finished")
        writer = registry.claim("stopped1")
        writer.rewind(10)
        writer.on_metrics(metrics(20))
        assert writer.finish("finished")
        assert [record.step for record in registry.run("stopped1").metrics] == [10, 20]


def test_a_file_is_copied_first_and_what_was_done_is_told_once(path, old, version):
    before = contents(path)
    copy = path.with_name(f"registry.db.schema-{version}.1.bak")
    assert brought_up_to_date(old) == (
        f"the registry {str(path)!r} was brought from schema {version} to "
        f"{schema.SCHEMA_VERSION}; the file as it was is kept at {str(copy)!r}"
    )
    assert contents(copy) == before
    assert contents(path) != before
    assert brought_up_to_date(old) is None


def contents(path):
    with closing(sqlite3.connect(path)) as file:
        return list(file.iterdump())


def test_what_was_done_to_a_server_is_told_once(server, old, version):
    said = brought_up_to_date(old)
    assert said.endswith(f" was brought from schema {version} to {schema.SCHEMA_VERSION}")
    assert "tester:***@" in said
    assert brought_up_to_date(old) is None


def test_readers_leave_an_old_file_as_it_is(path, old, fresh, make):
    before = path.read_bytes()
    assert answers(old, make, views=()) == answers(fresh, make, views=())
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_readers_of_an_old_server_are_told_what_to_do(server, old, version):
    before = Backdoor(old).structure()
    with pytest.raises(RegistryError) as caught:
        Registry.open(old, read_only=True)
    assert str(caught.value) == (
        f"the registry {make_url(old).render_as_string(hide_password=True)!r} has the older schema "
        f"{version}; the next run brings it up to date"
    )
    assert Backdoor(old).structure() == before


def migrate_at_once(location, gate, notices):
    gate.wait()
    notices.put(brought_up_to_date(location))


def test_of_several_that_open_an_old_registry_one_migrates_it(old, fresh):
    gate, notices = fork.Barrier(4), fork.Queue()
    workers = [fork.Process(target=migrate_at_once, args=(old, gate, notices)) for _ in range(4)]
    for worker in workers:
        worker.start()
    said = [notices.get(timeout=60) for _ in workers]
    for worker in workers:
        worker.join()
    assert sorted(notice is None for notice in said) == [False, True, True, True]
    assert Backdoor(old).structure() == Backdoor(fresh).structure()


def test_it_is_brought_up_to_date_also_where_none_is_to_be_created(old, version):
    with Registry.open(old, create=False) as registry:
        assert (registry.notice is None) == (version == schema.SCHEMA_VERSION)
        registry.note("finished1", "kept")
