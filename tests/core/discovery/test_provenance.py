"""What brings a distribution back, by what its installer wrote down."""

import json
from importlib.metadata import PathDistribution

import pytest

from genpolicy.discovery.provenance import project_folder, requirement


@pytest.fixture
def distribution(tmp_path):
    """Return a distribution with this ``direct_url.json``."""

    def make(origin):
        (tmp_path / "METADATA").write_text("Name: Stray_Drift\nVersion: 1.0+cpu\n")
        if origin is not None:
            text = origin if isinstance(origin, str) else json.dumps(origin)
            (tmp_path / "direct_url.json").write_text(text)
        return PathDistribution(tmp_path)

    return make


@pytest.mark.parametrize(
    ("origin", "line"),
    [
        (None, "stray-drift==1.0+cpu"),
        ("not JSON", "stray-drift==1.0+cpu"),
        ("[]", "stray-drift==1.0+cpu"),
        ({"url": "file:///a/b%20c", "dir_info": {"editable": True}}, "-e '/a/b c'"),
        ({"url": "file:///a/b", "dir_info": {"editable": True}}, "-e /a/b"),
        ({"url": "file:///a/b", "dir_info": {}}, "stray-drift @ file:///a/b"),
        (
            {"url": "https://x.y/d.whl", "archive_info": {"hashes": {"sha256": "ab"}}},
            "stray-drift @ https://x.y/d.whl#sha256=ab",
        ),
        (
            {
                "url": "https://x.y/d.git",
                "vcs_info": {"vcs": "git", "commit_id": "c0ffee", "requested_revision": "main"},
                "subdirectory": "sub",
            },
            "stray-drift @ git+https://x.y/d.git@c0ffee#subdirectory=sub",
        ),
    ],
)
def test_the_requirement_brings_the_same_back(distribution, origin, line):
    assert requirement(distribution(origin)) == line


def test_only_an_editable_distribution_has_a_project_folder(distribution, tmp_path):
    origin = {"url": tmp_path.as_uri(), "dir_info": {"editable": True}}
    assert project_folder(distribution(origin)) == tmp_path
    assert project_folder(distribution({**origin, "dir_info": {}})) is None
