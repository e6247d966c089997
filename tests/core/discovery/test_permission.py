"""The allow and deny lists hold before anything is imported."""

import pytest

from genpolicy.discovery.permission import Permission
from genpolicy.discovery.sources import Source

DANGEROUS = "import pathlib\npathlib.Path('imported').touch()\n"


def refusal(name, **environ):
    source = Source(name, "1.0", "parts", "nowhere", object)
    return Permission.from_environ(environ).refusal(source)


def test_a_denied_plugin_is_never_imported(site, plugin_code):
    site.add("evil-one", DANGEROUS + plugin_code("drift"))
    site.add("good", plugin_code("drain"))
    answer = site.ask(find=("drift", "drain"), AGENT_PLUGINS_DENY="other, Evil_*")
    record = answer["plugins"]["evil-one:parts"]
    assert not (site.folder / "imported").exists()
    assert record["state"] == "denied"
    assert record["problems"] == [
        "plugin evil-one 1.0 was not loaded, because AGENT_PLUGINS_DENY has 'evil-*': remove that "
        "to use it"
    ]
    assert answer["problems"] == []
    assert "AGENT_PLUGINS_DENY has 'evil-*'" in answer["found"][0]
    assert answer["found"][1] == "good/drain"


def test_a_plugin_that_is_not_allowed_is_never_imported(site, plugin_code):
    site.add("evil-one", DANGEROUS + plugin_code("drift"))
    site.add("good", plugin_code("drain"))
    answer = site.ask(find=("flow", "drain"), AGENT_PLUGINS_ALLOW="good")
    assert not (site.folder / "imported").exists()
    assert "add 'evil-one' to use it" in answer["plugins"]["evil-one:parts"]["problems"][0]
    assert answer["found"] == ["genpolicy/flow", "good/drain"]


def test_a_pattern_that_fits_nothing_is_told_with_the_nearest_name():
    permission = Permission.from_environ(
        {"AGENT_PLUGINS_DENY": "genpolicy-drfit,genpolicy-*", "AGENT_PLUGINS_ALLOW": "genpolicy"}
    )
    (note,) = permission.idle(["genpolicy", "genpolicy-drift"])
    assert note == (
        "AGENT_PLUGINS_DENY has 'genpolicy-drfit', which no installed plugin's distribution is "
        "called; did you mean 'genpolicy-drift'?"
    )


@pytest.mark.parametrize("name", ["genpolicy", "file:drift"])
def test_our_own_parts_and_given_files_are_always_allowed(name):
    assert refusal(name, AGENT_PLUGINS_ALLOW="foo", AGENT_PLUGINS_DENY="*") is None


@pytest.mark.parametrize(
    ("allow", "deny", "allowed"),
    [
        ("", "", True),
        (" , ", "", True),
        ("foo-*", "", True),
        ("FOO.BAR", "", True),
        ("foo", "", False),
        ("foo-bar", "foo-bar", False),
        ("", "*-bar", False),
        ("", "foo", True),
    ],
)
def test_deny_wins_over_allow_and_patterns_match_whole_names(allow, deny, allowed):
    reason = refusal("foo-bar", AGENT_PLUGINS_ALLOW=allow, AGENT_PLUGINS_DENY=deny)
    assert (reason is None) == allowed
