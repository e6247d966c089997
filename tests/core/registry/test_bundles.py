"""Bundles hold runs whole, travel, and are checked before anything of them is believed."""

import hashlib
import shutil
import sqlite3
import zipfile
from contextlib import closing
from pathlib import Path

import pytest

from genpolicy.errors import RegistryError, UsageError
from genpolicy.records import ArtifactRecord
from genpolicy.registry import Registry
from genpolicy.registry.bundles import export_runs
from genpolicy.registry.imports import Import
from genpolicy.registry.marks import is_marked, mark
from timeless import timeless


@pytest.fixture
def record(registry, make_run, make_evaluation, metrics, tmp_path):
    """Record a finished run with its files."""

    def write(id="a1b2c3", **changes):
        run = make_run(id, **changes)
        writer = registry.start(run)
        folder = Path(run.directory)
        put(folder / "recipe.toml", b"seed = 7\n")
        put(folder / "agent" / "agent.json", b"{}")
        for step in (1, 2):
            writer.on_metrics(metrics(step))
            weights = f"weights {id} {step}".encode()
            digest = hashlib.sha256(weights).hexdigest()
            path = folder / "checkpoints" / f"step-{step:010d}-{digest[:16]}.safetensors"
            put(path, weights)
            writer.on_artifact(artifact("checkpoint", path, weights, step))
        put(folder / "agent" / "weights.safetensors", weights)
        writer.on_artifact(artifact("agent", folder / "agent", weights, step))
        writer.on_evaluation(make_evaluation(1.0, 2.0, step=2))
        assert writer.finish("finished")
        return folder

    return write


@pytest.fixture
def bundle(path, registry, tmp_path):
    """Write the runs of an SQLite registry into a bundle; return it and the remarks."""

    def act(name="bundle.zip", **options):
        ids = [run.id for run in registry.runs()]
        return tmp_path / name, export_runs(registry, ids, tmp_path / name, **options)

    return act


@pytest.fixture
def elsewhere(tmp_path):
    """A registry in another project."""
    (tmp_path / "elsewhere").mkdir()
    with Registry.open(tmp_path / "elsewhere" / "registry.db") as registry:
        yield registry


@pytest.fixture
def take(elsewhere, tmp_path):
    def act(source):
        importing = Import(elsewhere, tmp_path / "elsewhere" / "runs")
        return [(each.run, each.outcome, each.message) for each in importing.take(str(source))]

    return act


def put(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def artifact(kind, path, weights, step):
    digest = hashlib.sha256(weights).hexdigest()
    return ArtifactRecord(kind=kind, path=str(path), sha256=digest, bytes=len(weights), step=step)


def files(folder):
    """The files below a folder and what they hold."""
    found = (path for path in folder.rglob("*") if path.is_file() and path.name != ".run")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def changed(bundle, **entries):
    """Rewrite a bundle with other entries, added or in place of those there; None removes one."""
    with zipfile.ZipFile(bundle) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(bundle, "w") as archive:
        for name, text in {**content, **entries}.items():
            if text is not None:
                archive.writestr(name, text)
    return bundle


def test_a_database_bundle_is_a_registry_that_tells_the_same(registry, record, bundle):
    record(), record("d4e5f6")
    path, remarks = bundle("bundle.db")
    assert remarks == []
    with Registry.open(path, read_only=True) as opened:
        assert [run.id for run in opened.runs()] == [run.id for run in registry.runs()]
        for run in opened.runs():
            assert opened.run(run.id) == registry.run(run.id)
    assert not list(path.parent.glob("*bundle.db?*")), "it is one file, and nothing else is left"


def test_a_bundle_holds_those_runs_and_no_others(registry, record, tmp_path):
    record(), record("d4e5f6")
    export_runs(registry, ["d4e5f6"], tmp_path / "one.db")
    with Registry.open(tmp_path / "one.db", read_only=True) as opened:
        assert [run.id for run in opened.runs()] == ["d4e5f6"]


def test_a_zip_file_takes_runs_elsewhere_with_their_files(
    registry, record, bundle, take, elsewhere, tmp_path
):
    folders = [record(), record("d4e5f6")]
    before = {folder.name: files(folder) for folder in folders}
    path, remarks = bundle(checkpoints=True)
    assert remarks == []
    told = {id: timeless(registry.run(id)) for id in before}
    times = registry.run("a1b2c3").finished
    for folder in folders:
        shutil.rmtree(folder)
    assert {each[:2] for each in take(path)} == {("a1b2c3", "entered"), ("d4e5f6", "entered")}
    for id, content in before.items():
        place = tmp_path / "elsewhere" / "runs" / id
        assert files(place) == content
        assert is_marked(place, id)
        assert elsewhere.run(id).start.directory == str(place)
        assert timeless(elsewhere.run(id)) == told[id]
    assert elsewhere.run("a1b2c3").finished == times
    assert sorted(p.name for p in (tmp_path / "elsewhere" / "runs").iterdir()) == sorted(before)


def test_taking_a_zip_file_in_twice_changes_nothing(record, bundle, take, elsewhere, tmp_path):
    record()
    path, _ = bundle()
    take(path)
    before = files(tmp_path / "elsewhere" / "runs"), elsewhere.rows("a1b2c3")
    assert take(path) == [("a1b2c3", "unchanged", "it was there")]
    assert (files(tmp_path / "elsewhere" / "runs"), elsewhere.rows("a1b2c3")) == before


def test_checkpoints_stay_behind_unless_asked_for(record, bundle):
    record()
    names = zipfile.ZipFile(bundle()[0]).namelist()
    assert names == [
        "runs/a1b2c3/recipe.toml",
        "runs/a1b2c3/agent/agent.json",
        "runs/a1b2c3/agent/weights.safetensors",
        "registry.db",
    ]


def test_the_same_runs_make_the_same_file(record, bundle):
    record(), record("d4e5f6")
    for ending in ("db", "zip"):
        one, _ = bundle(f"one.{ending}")
        two, _ = bundle(f"two.{ending}")
        assert one.read_bytes() == two.read_bytes()


def test_files_of_a_run_that_was_known_without_them_are_brought(
    record, bundle, take, elsewhere, tmp_path
):
    folder = record()
    database, _ = bundle("bundle.db")
    archive, _ = bundle("bundle.zip")
    before = files(folder / "agent")
    shutil.rmtree(folder)
    assert take(database)[0][1] == "entered"
    place = tmp_path / "elsewhere" / "runs" / "a1b2c3"
    assert take(archive) == [("a1b2c3", "completed", f"its files are in {str(place)!r} now")]
    assert files(place / "agent") == before
    assert elsewhere.run("a1b2c3").start.directory == str(place)


def test_checkpoints_that_came_later_are_brought(record, bundle, take, tmp_path):
    folder = record()
    take(bundle("without.zip")[0])
    archive, _ = bundle("with.zip", checkpoints=True)
    place = tmp_path / "elsewhere" / "runs" / "a1b2c3"
    assert not (place / "checkpoints").exists()
    assert take(archive) == [("a1b2c3", "completed", f"its files are in {str(place)!r} now")]
    assert files(place / "checkpoints") == files(folder / "checkpoints") != {}
    assert take(archive) == [("a1b2c3", "unchanged", "it was there")]


def test_a_run_further_on_brings_its_files(
    registry, make_run, record, bundle, take, elsewhere, tmp_path, backdoor
):
    folder = record()
    backdoor.set_runs(state="interrupted")
    take(bundle("early.zip")[0])
    put(folder / "recipe.toml", b"seed = 7 # later\n")
    backdoor.set_runs(state="finished")
    assert take(bundle("late.zip")[0])[0][1] == "replaced"
    place = tmp_path / "elsewhere" / "runs" / "a1b2c3"
    assert files(place / "agent") == files(folder / "agent")
    assert (place / "recipe.toml").read_bytes() == b"seed = 7 # later\n"


def test_a_file_in_the_way_is_left_and_the_run_not_entered(
    record, bundle, take, elsewhere, tmp_path
):
    record()
    path, _ = bundle()
    mine = tmp_path / "elsewhere" / "runs" / "a1b2c3" / "recipe.toml"
    put(mine, b"mine")
    ((_, outcome, message),) = take(path)
    assert outcome == "refused"
    assert message == (
        f"the folder {str(mine.parent)!r} is there and no .run in it says that it is the run's; "
        "name another with --output"
    )
    mark(mine.parent, "a1b2c3", "/nowhere.db")
    ((_, outcome, message),) = take(path)
    assert outcome == "refused"
    assert message == f"{str(mine)!r} is another file; name another folder with --output"
    assert mine.read_bytes() == b"mine"
    assert elsewhere.runs() == []
    mine.unlink()
    assert take(path)[0][1] == "entered"


def test_nothing_is_written_through_a_link_or_into_a_folder_that_a_registry_names(
    registry, record, bundle, take, elsewhere, tmp_path
):
    folder, runs = record(), tmp_path / "elsewhere" / "runs"
    path, _ = bundle()
    (tmp_path / "mine").mkdir()
    runs.mkdir()
    (runs / "a1b2c3").symlink_to(tmp_path / "mine")
    assert take(path)[0][1] == "refused"
    (runs / "a1b2c3").unlink()
    (runs / "a1b2c3").mkdir()
    mark(runs / "a1b2c3", "a1b2c3", "/nowhere.db")
    (runs / "a1b2c3" / "agent").symlink_to(tmp_path / "mine")
    ((_, outcome, message),) = take(path)
    assert outcome == "refused"
    assert message.endswith(
        "leads out of the run's folder; remove it, or name another folder with --output"
    )
    (runs / "a1b2c3" / "agent").unlink()
    assert list((tmp_path / "mine").iterdir()) == []

    put(folder / "recipe.toml", b"mine")
    rows = registry.rows("a1b2c3").changed(state="interrupted")
    assert elsewhere.merge(rows).outcome == "entered"
    assert take(path)[0][1] == "replaced"
    assert (folder / "recipe.toml").read_bytes() == b"mine"
    assert elsewhere.run("a1b2c3").start.directory == str(runs / "a1b2c3")


@pytest.mark.parametrize(
    ("place", "value", "sentence"),
    [(8, 1, "is encrypted"), (10, 99, "is packed in a way that bundles are not")],
)
def test_what_cannot_be_unpacked_is_refused(record, bundle, take, place, value, sentence):
    record()
    path, _ = bundle()
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + place] = value
    path.write_bytes(content)
    with pytest.raises(RegistryError, match=rf"holds '.*', which {sentence}; pack it anew"):
        take(path)


def test_a_registry_that_holds_what_zip_files_end_with_is_still_one(registry, record, bundle, take):
    record()
    registry.note("a1b2c3", "PK\5\6" + "\1" * 18)
    path, _ = bundle("bundle.db")
    assert zipfile.is_zipfile(path)
    assert take(path) == [("a1b2c3", "entered", "finished, on pointmaze/umaze")]


def test_altered_weights_are_refused(record, bundle, take, elsewhere, tmp_path):
    record(), record("d4e5f6")
    path, _ = bundle()
    changed(path, **{"runs/a1b2c3/agent/weights.safetensors": b"other weights"})
    found = {run: (outcome, message) for run, outcome, message in take(path)}
    assert found["d4e5f6"][0] == "entered"
    assert found["a1b2c3"][0] == "refused"
    assert found["a1b2c3"][1].startswith(
        "its files were altered: agent/weights.safetensors has the SHA-256 "
    )
    assert [run.id for run in elsewhere.runs()] == ["d4e5f6"]
    assert [p.name for p in (tmp_path / "elsewhere" / "runs").iterdir()] == ["d4e5f6"]


def test_weights_that_are_not_recorded_are_refused(record, bundle, take):
    record()
    path, _ = bundle()
    changed(path, **{"runs/a1b2c3/checkpoints/step-9-00.safetensors": b"weights"})
    ((_, outcome, message),) = take(path)
    assert outcome == "refused"
    assert message == "its files were altered: checkpoints/step-9-00.safetensors is not recorded"


def test_only_the_files_of_a_run_are_unpacked(record, bundle, take, tmp_path):
    record()
    path, _ = bundle()
    before = {name for name in zipfile.ZipFile(path).namelist() if name != "registry.db"}
    odd = ("runs/a1b2c3/agent/model.pkl", "runs/a1b2c3/run.py", "runs/other/recipe.toml", "x.py")
    changed(path, **dict.fromkeys(odd, b"odd"))
    assert take(path)[0][1] == "entered"
    assert {f"runs/{name}" for name in files(tmp_path / "elsewhere" / "runs")} == before


@pytest.mark.parametrize(
    "name", ["../evil", "/tmp/evil", "runs/a1b2c3/../../evil", "runs\\..\\evil", "runs/.."]
)
def test_a_name_that_leaves_the_folder_is_refused(record, bundle, take, elsewhere, name):
    record()
    path, _ = bundle()
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(name, b"evil")
    with pytest.raises(RegistryError, match="which leaves its folder; nothing was taken in"):
        take(path)
    assert elsewhere.runs() == []


def test_a_link_is_refused(record, bundle, take):
    record()
    path, _ = bundle()
    link = zipfile.ZipInfo("runs/a1b2c3/agent/agent.json2")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(RegistryError, match=r"holds 'runs/.*json2', which leaves its folder"):
        take(path)


def test_an_identifier_that_is_no_name_of_a_folder_is_refused(
    record, bundle, take, tmp_path, elsewhere
):
    record()
    path, _ = bundle()
    with zipfile.ZipFile(path) as archive:
        database = Path(archive.extract("registry.db", tmp_path / "inside"))
    with closing(sqlite3.connect(database)) as file, file:
        file.execute("UPDATE runs SET id = '../../evil'")
        for table in ("parts", "metrics", "artifacts", "evaluations"):
            file.execute(f"UPDATE {table} SET run_id = '../../evil'")
    changed(path, **{"registry.db": database.read_bytes()})
    refused = ("../../evil", "refused", "'../../evil' is no run's identifier")
    assert take(path) == [refused]
    assert take(database) == [refused]
    assert elsewhere.runs() == []


def test_zip_files_that_are_no_bundles_are_refused(record, bundle, take, tmp_path):
    record()
    path, _ = bundle()
    whole = path.read_bytes()
    with pytest.raises(RegistryError, match=r"is no bundle: it holds no registry\.db"):
        take(changed(path, **{"registry.db": None}))
    with pytest.raises(RegistryError, match="is not a database"):
        take(changed(path, **{"registry.db": b"dear diary " * 500}))
    position = whole.index(b"registry.db") + 500
    altered = whole[:position] + b"\0" * 100 + whole[position + 100 :]
    for damaged in (altered, whole[:-1000]):
        path.write_bytes(damaged)
        with pytest.raises(RegistryError, match="is damaged: "):
            take(path)
    assert not (tmp_path / "elsewhere" / "runs").exists(), "nothing is left of it"


def test_a_bundle_of_a_newer_program_is_refused(record, bundle, take):
    record()
    path, _ = bundle("bundle.db")
    with closing(sqlite3.connect(path)) as file, file:
        file.execute("UPDATE schema_version SET version = 99")
    with pytest.raises(RegistryError, match=r"newer than this one, .*; upgrade genpolicy"):
        take(path)


def test_a_bundle_with_a_time_that_is_none_is_refused(record, bundle, take):
    record()
    path, _ = bundle("bundle.db")
    with closing(sqlite3.connect(path)) as file, file:
        file.execute("UPDATE runs SET created = 'yesterday'")
    with pytest.raises(RegistryError, match=r"holds what no registry does: .*'yesterday'"):
        take(path)


def test_files_that_are_not_what_was_recorded_stay_behind(record, bundle):
    folder = record()
    put(folder / "agent" / "weights.safetensors", b"other weights")
    path, (remark,) = bundle()
    assert remark.startswith("run a1b2c3: agent/weights.safetensors has the SHA-256 ")
    assert remark.endswith("is recorded; it was left out")
    assert "runs/a1b2c3/agent/weights.safetensors" not in zipfile.ZipFile(path).namelist()


def test_a_run_without_its_files_is_bundled_with_a_remark(record, bundle, take):
    folder = record()
    shutil.rmtree(folder)
    path, (remark,) = bundle()
    assert remark == f"of one run there are no files, as in {str(folder)!r}"
    assert take(path)[0][1] == "entered"


def test_a_running_run_is_bundled_as_it_stands(registry, make_run, metrics, bundle):
    writer = registry.start(make_run())
    writer.on_metrics(metrics(1))
    assert writer.flush()
    path, _ = bundle("bundle.db")
    with Registry.open(path, read_only=True) as opened:
        assert opened.run("a1b2c3").state == "running"
        assert len(opened.run("a1b2c3").metrics) == 1
    assert writer.finish("finished")


def test_targets_that_cannot_be_are_refused(registry, record, bundle, tmp_path):
    record()
    path, _ = bundle("bundle.db")
    before = path.read_bytes()
    path.with_name("used.db-wal").touch()
    for name, sentence in (
        ("bundle.tar", "a bundle is NAME.db or NAME.zip; got 'bundle.tar'"),
        ("nowhere/bundle.db", "there is no folder '.*nowhere' to write a bundle in"),
        ("bundle.db", "is there already; --force replaces a file"),
        ("used.db", "is a registry in use, with a log beside it; name another file"),
    ):
        with pytest.raises(UsageError, match=sentence):
            export_runs(registry, ["a1b2c3"], tmp_path / name)
    assert path.read_bytes() == before
    bundle("bundle.db", force=True)


def test_the_registry_itself_is_not_written_over(path, registry, record):
    record()
    with pytest.raises(UsageError, match="is the registry itself; name another file"):
        export_runs(registry, ["a1b2c3"], path, force=True)
    link = path.with_name("link.db")
    link.symlink_to(path)
    with pytest.raises(UsageError, match="is the registry itself"):
        export_runs(registry, ["a1b2c3"], link, force=True)


def test_what_was_there_stays_where_a_bundle_cannot_be_written(
    registry, record, bundle, monkeypatch
):
    record()
    path, _ = bundle()
    before = path.read_bytes(), sorted(path.parent.iterdir())

    def fail(*arguments, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "open", fail)
    with pytest.raises(RegistryError, match=r"cannot be written: No space left on device"):
        bundle(force=True)
    assert (path.read_bytes(), sorted(path.parent.iterdir())) == before
