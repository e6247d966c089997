"""``agent datasets list``."""

import csv
import io

import pytest

from genpolicy.discovery import Catalogue, PartSpec, hookimpl
from genpolicy_cli import dataset_listing


def test_datasets_are_listed_with_what_and_where_they_are(agent):
    rows = {row["name"]: row for row in agent("datasets", "list", "--json").json}
    assert rows["pointmaze/umaze"] == {
        "name": "pointmaze/umaze",
        "what it is": "a ball in a U-shaped maze",
        "where": "shipped along",
        "from": rows["npz"]["from"],
    }
    assert rows["pointmaze/medium"]["where"] == "made on first use"
    assert all(row["where"] for row in rows.values()), rows


def test_every_form_lists_the_same(agent):
    names = [row["name"] for row in agent("datasets", "list", "--json").json]
    rows = list(csv.DictReader(io.StringIO(agent("datasets", "list", "--csv").out)))
    assert [row["name"] for row in rows] == names
    for form in ("--markdown", None):
        told = agent("datasets", "list", *([form] if form else [])).out
        assert [name for name in names if name not in told] == []


def test_what_is_on_this_machine_is_listed(agent, place, monkeypatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(place))
    (place / "a/b-v0/data").mkdir(parents=True)
    (place / "a/b-v0/data/main_data.hdf5").write_bytes(b"")
    rows = {row["name"]: row["where"] for row in agent("datasets", "list", "--json").json}
    assert rows["minari:a/b-v0"] == "on this machine"


class Plugin:
    """Provides datasets whose functions ``local`` are missing or fail."""

    @hookimpl
    def genpolicy_datasets(self):
        local = f"{__name__}:failing"
        broken = PartSpec(name="broken", summary="b", target="x:Y", local=local)
        missing = PartSpec(name="missing", summary="m", target="x:Y", local="no.such_module:names")
        return [broken, missing, PartSpec(name="plain", summary="p", target="x:Y")]


def failing():
    raise ValueError("no folder")


def test_a_plugin_that_cannot_tell_what_is_here_hides_no_other(agent, monkeypatch):
    found = Catalogue.from_plugins({"genpolicy-x": Plugin()})
    monkeypatch.setattr(dataset_listing, "catalogue", lambda: found)
    done = agent("datasets", "list", "--json")
    assert [row["name"] for row in done.json] == ["broken", "missing", "plain"]
    assert "no folder" in done.err
    assert "no.such_module" in done.err.replace("\n", " ") or "No module named 'no'" in done.err


@pytest.mark.parametrize("value", ["nowhere", "a b:c", ":x"])
def test_a_function_that_names_no_place_is_refused(value):
    with pytest.raises(ValueError, match=r"reads 'package\.module:Name'"):
        PartSpec(name="x", summary="", target="x:Y", local=value)
