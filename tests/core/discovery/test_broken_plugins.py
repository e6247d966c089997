"""Broken plugins at once, beside a good one and our own.

The commonest sorts are tried as installed distributions, in ``tests/cli``.
"""

import os
import textwrap

import pytest

BROKEN = {
    "lacks-files": (
        "import lacks_files.model",
        "No module named 'lacks_files.model'",
        "pip install --force-reinstall --no-deps {}",
    ),
    "imports-unknown": (
        "from genpolicy import HoloDeck",
        "cannot import name 'HoloDeck'",
        "written for another version of genpolicy; upgrade both",
    ),
    "fails-in-hook": (
        "from genpolicy import hookimpl\n@hookimpl\ndef genpolicy_backbones():\n    1 / 0",
        "failed in its hook genpolicy_backbones (ZeroDivisionError: division by zero)",
        "pip install -U {}",
    ),
    "exits-in-hook": (
        "from genpolicy import hookimpl\n@hookimpl\ndef genpolicy_backbones():\n    exit('bye')",
        "failed in its hook genpolicy_backbones (it called sys.exit(bye))",
        "pip install -U {}",
    ),
    "has-no-hooks": ("x = 1", "provides nothing: has_no_hooks.plugin", "pip install -U {}"),
}


@pytest.fixture(scope="module")
def answer(make_site, plugin_code):
    site = make_site()
    for name, (code, _, _) in BROKEN.items():
        site.add(f"bad-{name}", code, module=name.replace("-", "_"))
    site.add("good", plugin_code("drift", "good.model:Drift"))
    site.write("good/model.py", "class Drift: ...")
    return site.ask(find=("flow", "drift", "absent", "bad-lacks-files/absent"), load=("drift",))


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_plugin_is_told_in_one_sentence_that_helps(answer, name):
    record = answer["plugins"][f"bad-{name}:parts"]
    _, error, advice = BROKEN[name]
    (problem,) = record["problems"]
    assert problem.startswith(f"plugin bad-{name} 1.0 ")
    assert error in problem
    assert advice.format(f"bad-{name}") in problem
    assert "\n" not in problem
    assert record["state"] == "broken"
    assert problem in answer["problems"]


def test_the_traceback_of_a_broken_plugin_is_kept(answer):
    traceback = answer["plugins"]["bad-fails-in-hook:parts"]["traceback"]
    assert traceback.startswith("Traceback")
    assert traceback.endswith("ZeroDivisionError: division by zero")
    assert answer["plugins"]["good:parts"]["traceback"] is None


def test_everybody_else_goes_on_working(answer):
    assert answer["found"][:2] == ["genpolicy/flow", "good/drift"]
    assert answer["loaded"] == ["Drift"]
    assert answer["plugins"]["genpolicy:builtin"]["state"] == "ok"
    assert len(answer["problems"]) == len(BROKEN)


def test_an_unknown_name_lists_the_broken_plugins_that_may_provide_it(answer):
    message = answer["found"][2]
    assert message.startswith("UnknownPartError: no installed plugin provides backbone 'absent'")
    assert "plugin bad-exits-in-hook 1.0 failed in its hook genpolicy_backbones (it" in message
    assert "it may provide 'absent'" in message
    assert message.endswith("see `agent plugins doctor`")


def test_a_full_name_of_a_broken_plugin_says_that_it_is_broken(answer):
    message = answer["found"][3]
    assert message.startswith(
        "BrokenPartError: backbone 'bad-lacks-files/absent' cannot be had: plugin"
    )
    assert "No module named 'lacks_files.model'" in message
    assert message.endswith("see `agent plugins doctor`")


def test_what_a_plugin_prints_is_remembered_and_kept_off_the_standard_output(site, plugin_code):
    shout = "import os\nprint('hello')\nos.system('echo from a child')\n"
    site.add("loud", shout + plugin_code("drift"))
    answer = site.ask()
    assert answer["plugins"]["loud:parts"]["printed"] == "hello\n"
    assert answer["notes"] == [
        "plugin loud 1.0 prints while it is loaded: 'hello'; ask its authors to leave that out of "
        "loud.plugin"
    ]


def test_a_plugin_that_imports_something_heavy_is_named(site, plugin_code):
    site.add("slow", "import sqlalchemy\n" + plugin_code("drift"))
    answer = site.ask()
    record = answer["plugins"]["slow:parts"]
    assert record["heavy_modules"] == ["sqlalchemy"]
    assert record["import_seconds"] > 0.01
    assert "plugin slow 1.0 imports sqlalchemy to be listed" in answer["notes"][0]
    assert answer["problems"] == []


def test_a_plugin_that_is_slow_to_import_is_named(site, plugin_code):
    site.add("slow", "import time; time.sleep(0.6)\n" + plugin_code("drift"))
    (note,) = site.ask()["notes"]
    assert note.startswith("plugin slow 1.0 took 0.")
    assert note.endswith(
        "which slows down every command: ask its authors to import that where a part is defined, "
        "not in slow.plugin or its package's __init__.py"
    )


@pytest.mark.skipif(os.name != "posix", reason="there is no timer")
@pytest.mark.parametrize("where", ["__init__.py", "model.py"])
def test_a_part_whose_import_hangs_is_stopped_and_named(site, plugin_code, where):
    site.add("bad-part", plugin_code("stuck", "stuck.model:Stuck"))
    site.write("stuck/__init__.py", "")
    site.write("stuck/model.py", "class Stuck: ...")
    site.write(f"stuck/{where}", "import time\nwhile True: time.sleep(0.01)")
    (problem,) = site.ask(load=("stuck",), AGENT_PLUGINS_PATIENCE="0.5")["loaded"]
    assert problem == (
        "BrokenPartError: backbone 'stuck' of plugin bad-part 1.0 failed to load (it did not "
        "finish importing stuck.model:Stuck in 0.5 s and was stopped): upgrade it with `pip "
        "install -U bad-part` or remove it with `pip uninstall bad-part`; "
        "AGENT_PLUGINS_PATIENCE=300 would wait for 300 s; see `agent plugins doctor`"
    )


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="there is no timer")
def test_torch_can_be_imported_after_a_plugin_that_imports_it_was_stopped(site):
    site.add("bad-slow", "import time\nimport torch\nwhile True: time.sleep(0.01)")
    script = """
    from genpolicy.discovery import load_catalogue, patience
    patience._WAIT = 0.1
    (problem,) = load_catalogue().problems()
    assert "plugin bad-slow 1.0 failed to load (it did not finish importing in 0.6 s" in problem
    import torch, torch.distributed.rpc
    print(torch.zeros(2).sum().item())
    """
    assert site.run(textwrap.dedent(script), AGENT_PLUGINS_PATIENCE="0.6").stdout == "0.0\n"
