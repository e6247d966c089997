import pytest

from genpolicy.discovery import recipe_specs


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Return a function that writes a file into the package ``listed_home``."""
    (tmp_path / "listed_home").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    return lambda name, text: (tmp_path / "listed_home" / name).write_text(text, encoding="utf-8")


def test_a_file_is_a_recipe_or_one_per_task(write):
    write("zwei.toml", 'summary = "whole"\n[settings]\ntrain.ema = 0.5\n')
    write("a-b.toml", 'summary = "a method"\n[tasks.x-1]\n[tasks.x-1.settings]\n[tasks.y]\n')
    write("readme.md", "[tasks.no]")
    specs = recipe_specs("listed_home")
    assert [(spec.name, spec.summary, spec.target) for spec in specs] == [
        ("a-b/x-1", "a method, for x-1", "listed_home:a-b.toml#x-1"),
        ("a-b/y", "a method, for y", "listed_home:a-b.toml#y"),
        ("zwei", "whole", "listed_home:zwei.toml"),
    ]


@pytest.mark.parametrize("text", ["[settings]\n", "summary = whole\n[settings]\n"])
def test_a_file_that_does_not_begin_with_its_summary_is_refused(write, text):
    write("bad.toml", text)
    with pytest.raises(ValueError, match=r"bad\.toml must begin with its summary, in TOML"):
        recipe_specs("listed_home")
