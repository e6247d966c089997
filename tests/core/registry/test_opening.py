import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Column, Text

from backdoor import Backdoor
from genpolicy.errors import RegistryError
from genpolicy.registry import Registry, migrations, schema

VERSION = schema.SCHEMA_VERSION


def refusal(location, **options) -> str:
    with pytest.raises(RegistryError) as caught:
        Registry.open(location, **options)
    assert caught.value.exit_code == 4
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_new_registry_is_created_and_opens_again(empty, make_run):
    with Registry.open(empty) as registry:
        assert registry.notice is None
        registry.start(make_run()).finish("finished")
    with Registry.open(empty) as registry:
        assert [run.id for run in registry.runs()] == ["a1b2c3"]


def test_one_that_is_missing_is_not_created_where_none_is_to_be(empty, path, make_run):
    said = refusal(empty, create=False)
    assert "it is created by the first run" in said or "the first run creates its tables" in said
    assert not path.exists()
    Registry.open(empty).close()
    with Registry.open(empty, create=False) as registry:
        assert registry.start(make_run()).finish("finished")


def test_an_empty_file_is_left_empty_where_none_is_to_be_created(path):
    path.touch()
    assert "is empty; the first run creates its tables" in refusal(path, create=False)
    assert path.stat().st_size == 0


def test_an_empty_file_becomes_a_registry(path):
    path.touch()
    with Registry.open(path) as registry:
        assert registry.runs() == []


@pytest.mark.parametrize("name", ["a b.db", "50%.db", "what?.db", "x#1.db", "ü.db"])
def test_any_file_name_will_do(tmp_path, name):
    with Registry.open(tmp_path / name) as registry:
        assert registry.runs() == []
    assert (tmp_path / name).stat().st_size > 0


def test_a_url_opens_the_same_file(path, make_run):
    with Registry.open(f"sqlite:///{path}") as registry:
        registry.start(make_run()).close()
    with Registry.open(path, read_only=True) as registry:
        assert len(registry.runs()) == 1


def test_a_relative_path_stays_where_it_was_opened(path, monkeypatch, make_run):
    monkeypatch.chdir(path.parent)
    with Registry.open("registry.db") as registry:
        monkeypatch.chdir("/")
        registry.start(make_run()).close()
    assert path.exists()


def test_a_registry_is_opened_without_torch_and_without_alembic(path):
    code = (
        "import sys; from genpolicy.registry import Registry; "
        f"Registry.open({str(path)!r}).close(); Registry.open({str(path)!r}).close(); "
        "print({'torch', 'alembic', 'minari', 'gymnasium'} & sys.modules.keys())"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout == "set()\n"


def test_a_directory_is_refused(tmp_path):
    assert refusal(tmp_path) == (
        f"the registry {str(tmp_path)!r} is a directory; name a file, such as "
        f"{str(tmp_path / 'registry.db')!r}"
    )
    assert "is a directory" in refusal(tmp_path, read_only=True)


def test_a_missing_folder_is_refused(tmp_path):
    message = refusal(tmp_path / "no" / "registry.db")
    assert message.endswith("cannot be created: its folder does not exist")


def test_a_pipe_is_refused(path):
    os.mkfifo(path)
    assert refusal(path).endswith("is not a file; name another")


def test_a_text_file_is_refused_and_left_alone(path):
    text = "not a database, " * 100
    path.write_text(text)
    assert refusal(path) == f"the registry {str(path)!r} is not a database; name another file"
    assert path.read_text() == text


def test_another_programs_database_is_refused_and_left_alone(empty):
    other = Backdoor(empty)
    other.execute("CREATE TABLE runs (id TEXT)")
    before = other.structure()
    assert "is another program's database" in refusal(empty)
    assert "is another program's database" in refusal(empty, read_only=True)
    assert other.structure() == before


def test_another_programs_version_table_does_not_fool_it(empty):
    Backdoor(empty).execute("CREATE TABLE schema_version (version INTEGER)")
    assert "is another program's database" in refusal(empty)


def test_a_newer_programs_registry_is_refused_with_both_versions(location):
    Registry.open(location).close()
    newer = Backdoor(location)
    newer.execute("UPDATE schema_version SET version = 99, written_by = '7.0'")
    for read_only in (False, True):
        message = refusal(location, read_only=read_only)
        assert "written by genpolicy 7.0 (schema 99), newer than this one" in message
        assert f"(schema {VERSION}); upgrade genpolicy" in message


def test_a_damaged_registry_is_refused(path, make_run):
    with Registry.open(path) as registry:
        registry.start(make_run()).close()
        registry.compact()
    content = bytearray(path.read_bytes())
    content[100:8192] = b"\xff" * 8092
    path.write_bytes(content)
    assert "is damaged" in refusal(path)


def test_a_missing_registry_is_not_created_for_reading(path):
    assert refusal(path, read_only=True) == (
        f"there is no registry at {str(path)!r}; it is created by the first run, or name another "
        "with --registry"
    )
    assert not path.exists()


def test_an_empty_file_is_left_alone_when_reading(path):
    path.touch()
    assert "is empty; the first run creates its tables" in refusal(path, read_only=True)
    assert path.stat().st_size == 0


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("://", "is no database URL"),
        ("mysql://host/db", "SQLite or PostgreSQL, not in 'mysql'"),
        ("sqlite://", "must name a file"),
        ("sqlite:///:memory:", "must name a file"),
        ("sqlite:///x.db?mode=ro", "must name a file and nothing else"),
        ("postgresql+nodriver://host/db", "needs a driver that is not installed (Can't load"),
        ("postgresql+nodriver://host/db", ": pip install 'genpolicy[postgres]', and a URL that"),
    ],
)
def test_an_unfit_url_is_refused(url, words):
    assert words in refusal(url)


def test_a_password_is_not_shown():
    assert "secret" not in refusal("postgresql+nodriver://me:secret@host/db")


def test_a_reader_cannot_write(location, make_run):
    Registry.open(location).close()
    with (
        Registry.open(location, read_only=True) as registry,
        pytest.raises(RegistryError, match="was opened for reading only"),
    ):
        registry.start(make_run())


@pytest.fixture
def next_schema(monkeypatch):
    """A later version of the program, whose schema has one more column."""

    def add_a_column(operations):
        with operations.batch_alter_table("runs", recreate="always") as runs:
            runs.add_column(Column("mood", Text))

    def install():
        monkeypatch.setattr(schema, "SCHEMA_VERSION", VERSION + 1)
        monkeypatch.setitem(migrations.STEPS, VERSION + 1, add_a_column)

    return install


def test_an_older_registry_is_migrated_after_a_backup(path, make_run, make_evaluation, next_schema):
    with Registry.open(path) as registry:
        writer = registry.start(make_run())
        writer.on_evaluation(make_evaluation(1.0, 2.0))
        writer.finish("finished")
        before = registry.run("a1b2c3")
    next_schema()
    with Registry.open(path) as registry:
        backup = path.with_name(f"registry.db.schema-{VERSION}.1.bak")
        assert registry.notice == (
            f"the registry {str(path)!r} was brought from schema {VERSION} to {VERSION + 1}; "
            f"the file as it was is kept at {str(backup)!r}"
        )
        assert registry.run("a1b2c3") == before
    columns = "SELECT name FROM pragma_table_info('runs')"
    assert ("mood",) in sqlite3.connect(path).execute(columns).fetchall()
    assert ("mood",) not in sqlite3.connect(backup).execute(columns).fetchall()
    assert Registry.open(path).notice is None


def test_a_reader_leaves_an_older_registry_as_it_is(path, make_run, next_schema):
    with Registry.open(path) as registry:
        registry.start(make_run()).close()
        registry.compact()
    before = path.read_bytes()
    next_schema()
    with Registry.open(path, read_only=True) as registry:
        assert [run.id for run in registry.runs()] == ["a1b2c3"]
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


def test_a_failed_migration_leaves_everything_as_it_was(location, make_run, monkeypatch):
    with Registry.open(location) as registry:
        registry.start(make_run()).close()

    def fail(operations):
        operations.drop_table("parts")
        operations.drop_table("no_such_table")

    with monkeypatch.context() as later:
        later.setattr(schema, "SCHEMA_VERSION", VERSION + 1)
        later.setitem(migrations.STEPS, VERSION + 1, fail)
        assert "no_such_table" in refusal(location)
    with Registry.open(location) as registry:
        assert len(registry.run("a1b2c3").start.parts) == 2


@pytest.mark.parametrize("read_only", [True, False])
def test_an_unreadable_file_is_refused(open_folder, as_nobody, read_only):
    path = open_folder / "registry.db"
    Registry.open(path).close()
    path.chmod(0)
    answer = as_nobody(lambda: Registry.open(path, read_only=read_only))
    expected = "may not be read; check its permissions" if read_only else "is read-only"
    assert answer.startswith("RegistryError: the registry ")
    assert expected in answer


def test_a_read_only_file_is_refused_for_writing_and_opens_for_reading(
    open_folder, as_nobody, make_run
):
    path = prepared(open_folder, make_run)
    path.chmod(0o444)
    open_folder.chmod(0o777)
    assert as_nobody(lambda: Registry.open(path)) == (
        f"RegistryError: the registry {str(path)!r} is read-only; make it writable or name "
        "another with --registry"
    )
    assert as_nobody(lambda: read_ids(path)) == "['a1b2c3']"


@pytest.mark.parametrize("read_only", [True, False])
def test_a_folder_that_may_not_be_entered_is_told(open_folder, as_nobody, make_run, read_only):
    path = prepared(open_folder, make_run)
    open_folder.chmod(0o700)
    assert as_nobody(lambda: Registry.open(path, read_only=read_only)) == (
        f"RegistryError: the registry {str(path)!r} cannot be reached: Permission denied; check "
        "the permissions of its folder, or name another with --registry"
    )


@pytest.mark.parametrize("compacted", [True, False])
def test_a_read_only_folder_is_refused_for_writing_and_opens_for_reading(
    open_folder, as_nobody, make_run, compacted
):
    path = prepared(open_folder, make_run, compacted)
    path.chmod(0o666)
    open_folder.chmod(0o555)
    assert "the folder of the registry" in as_nobody(lambda: Registry.open(path))
    assert as_nobody(lambda: read_ids(path)) == "['a1b2c3']"


def test_a_new_file_in_a_read_only_folder_is_refused(open_folder, as_nobody):
    path = open_folder / "registry.db"
    open_folder.chmod(0o555)
    answer = as_nobody(lambda: Registry.open(path))
    assert "cannot be created: Permission denied; name another with --registry" in answer


def test_a_log_that_cannot_be_read_is_not_passed_over(open_folder, as_nobody, make_run, tmp_path):
    """A copy of a file in use without its index would show an older state."""
    path = open_folder / "registry.db"
    with Registry.open(tmp_path / "live.db") as registry:
        registry.start(make_run()).close()
        for suffix in ("", "-wal"):
            source = Path(f"{tmp_path / 'live.db'}{suffix}")
            path.with_name(path.name + suffix).write_bytes(source.read_bytes())
    open_folder.chmod(0o555)
    answer = as_nobody(lambda: read_ids(path))
    assert "has changes in 'registry.db-wal' that cannot be read in a read-only folder" in answer


def prepared(folder, make_run, compacted=False):
    path = folder / "registry.db"
    with Registry.open(path) as registry:
        registry.start(make_run()).close()
        if compacted:
            registry.compact()
    return path


def read_ids(path):
    with Registry.open(path, read_only=True) as registry:
        return [run.id for run in registry.runs()]
