"""Plugins gone wrong, each a distribution that pip installed, all in one environment."""

import json

import pytest

pytestmark = pytest.mark.slow

HOOK = """
from genpolicy import PartSpec, hookimpl

@hookimpl
def genpolicy_{kind}s():
    return [PartSpec(name="{name}", summary="a test", target="{module}.parts:Part"{more})]
"""

BACKBONE = """
import sys
import attrs
import torch
from genpolicy import BackboneRecipe, NetworkRecipe, NetworkSpec, SampleSpec, VelocityBackbone

class Model(VelocityBackbone):
    def __init__(self, sample_shape, network):
        super().__init__(sample_shape)
        self.network = network

    def field(self, condition):
        context = self.network.encode(condition)
        return lambda x_t, t: self.network(x_t, context, t)

    def matching_loss(self, sample, condition):
        t, noise = torch.rand(len(sample)), torch.randn_like(sample)
        x_t = (1 - t[:, None]) * noise + t[:, None] * sample
        loss = (self.velocity(x_t, t, condition) - (sample - noise)) ** 2
        return {loss}

@attrs.frozen(kw_only=True)
class Part(BackboneRecipe):
    def build(self, spec: SampleSpec, network: NetworkRecipe) -> Model:
        {build}
        shape = spec.sample_shape
        spec = NetworkSpec(sample_shape=shape, condition_dim=spec.condition_dim)
        return Model(shape, network.build(spec))
"""

OBJECTIVE = """
import attrs
from genpolicy import Backbone, Batch, Loss, Objective, Stage

@attrs.frozen(kw_only=True)
class Part(Objective):
    def stages(self):
        return (Stage(name="policy", steps=20, batch_size=8, learning_rates={"policy": 1e-3}),)

    def policy_loss(self, batch: Batch, policy: Backbone) -> Loss:
        return Loss(policy.matching_loss(batch.action, batch.observation))
"""

HANGS = """
import time
while True:
    try:
        time.sleep(0.1)
    except Exception:
        pass
"""

UPGRADE = "pip install -U {0}` or remove it with `pip uninstall {0}`"
BUILT = {
    "build-raises": ("loss.sum(1)", "raise ValueError('no width')"),
    "build-exits": ("loss.sum(1)", "sys.exit(0)"),
    "wrong-shape": ("loss", ""),
    "not-a-number": ("loss.sum(1) * float('nan')", ""),
    "steady": ("loss.sum(1)", ""),
}
UNLOADED = {
    "import-error": ("raise RuntimeError('no GPU')", "(RuntimeError: no GPU): upgrade it with"),
    "missing-dependency": (
        "import surely_not_installed",
        "(ModuleNotFoundError: No module named 'surely_not_installed'): install what it needs "
        "with `pip install stray-missing-dependency`",
    ),
    "syntax-error": ("def (:", "(SyntaxError: invalid syntax (plugin.py, line 1)): upgrade it"),
    "exits": ("import sys; sys.exit(0)", "(it called sys.exit(0)): upgrade it with"),
    "hangs": (
        HANGS,
        "(it did not finish importing in 2 s and was stopped): " + f"upgrade it with `{UPGRADE}",
    ),
    "misspelt-hook": (
        "from genpolicy import hookimpl\n@hookimpl\ndef genpolicy_backbone():\n    return []",
        "has an unknown hook 'genpolicy_backbone'; did you mean 'genpolicy_backbones'?; upgrade it",
    ),
    "wrong-return": (
        "from genpolicy import hookimpl\n@hookimpl\ndef genpolicy_backbones():\n    return 'mine'",
        "returns 'mine' of type str from genpolicy_backbones instead of a list of PartSpec; "
        "upgrade it with",
    ),
    "too-new": (
        ", api_version=2",
        "needs a newer genpolicy: its backbone 'drizzle' was written for plugin API 2, this "
        "program speaks 1; upgrade it with `pip install -U genpolicy`",
    ),
    "too-old": (
        ", api_version=0",
        "is too old: its backbone 'drizzle' was written for plugin API 0, this program speaks 1; "
        "upgrade it with",
    ),
}
CLAIMS = {"claims-one": "drift", "claims-two": "drift", "claims-ours": "flow"}

ASK = """
import contextlib, io, json, sys
from genpolicy_cli.main import main

for arguments in json.loads(sys.argv[1]):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main(arguments)
    print(json.dumps([status, out.getvalue(), err.getvalue()]))
"""

SHORT = ["objective.steps=20", "network.hidden=8", "train.looks=0", "evaluation.episodes=2"]
SHORT += ["network=mlp", "evaluation.environments=2", "--quiet", "--json"]


def hook(name, module, more="", kind="backbone"):
    return HOOK.format(name=name, module=module, more=more, kind=kind)


def projects(environment):
    """Write all the distributions."""
    for name, (code, _) in UNLOADED.items():
        plugin = hook("drizzle", "nowhere", code) if code.startswith(", ") else code
        yield environment.project(f"stray-{name}", plugin)
    for name, part in CLAIMS.items():
        yield environment.project(f"stray-{name}", hook(part, "nowhere"))
    for name, (loss, build) in BUILT.items():
        parts = {"parts.py": BACKBONE.format(loss=loss, build=build or "pass")}
        plugin = hook(name, f"stray_{name.replace('-', '_')}")
        yield environment.project(f"stray-{name}", plugin, parts)
    plugin = hook("unaveraged", "stray_unaveraged", kind="objective")
    yield environment.project("stray-unaveraged", plugin, {"parts.py": OBJECTIVE})
    plugin = "print('hello')\n" + hook("loud", "nowhere")
    yield environment.project("stray-prints", plugin)


@pytest.fixture(scope="module")
def stray(environment):
    """Return the environment with all of them installed."""
    environment.install(*projects(environment))
    return environment


@pytest.fixture(scope="module")
def ask(stray):
    """Return a function that gives commands to one process there."""

    def ask(*commands):
        done = stray.run("-c", ASK, json.dumps(commands), AGENT_PLUGINS_PATIENCE="2")
        assert done.status == 0, done.err
        return [json.loads(line) for line in done.out.splitlines()]

    return ask


@pytest.fixture(scope="module")
def plugins(ask):
    """Return what ``agent plugins list --json`` says, by name."""
    ((status, out, _),) = ask(["plugins", "list", "--json"])
    assert status == 0
    found = {plugin["distribution"]: plugin for plugin in json.loads(out)}
    return {name.removeprefix("stray-"): found[name] for name in found}


@pytest.fixture(scope="module")
def runs(ask):
    """Return what became of a run with each backbone that fails at work, and with good parts."""
    backbones = [*BUILT, "flow", "stray-claims-ours/flow", "drift"]
    commands = [["run", "--objective", "bc", "--backbone", each, *SHORT] for each in backbones]
    objective = ["run", "--objective", "unaveraged", "--backbone", "steady", *SHORT[1:]]
    return dict(zip([*backbones, "unaveraged"], ask(*commands, objective), strict=True))


@pytest.mark.parametrize("name", UNLOADED)
def test_a_plugin_that_cannot_be_used_is_told_in_a_sentence_that_helps(plugins, name):
    (problem,) = plugins[name]["problems"]
    assert problem.startswith(f"plugin stray-{name} 1.0 ")
    assert UNLOADED[name][1].format(f"stray-{name}") in problem
    assert plugins[name]["state"] == "broken"
    assert plugins[name]["parts"] == []


def test_everybody_else_works_as_if_they_were_not_there(plugins):
    fine = ("genpolicy", "stray-steady", "stray-prints", *(f"stray-{name}" for name in CLAIMS))
    assert [plugins[name.removeprefix("stray-")]["state"] for name in fine] == ["ok"] * len(fine)


def test_every_command_goes_on_and_complains_once_per_plugin_on_the_standard_error(ask):
    listed, information = ask(["list", "backbone"], ["info", "backbone", "steady"])
    for status, out, err in (listed, information):
        assert status == 0
        assert "steady" in out
        lines = err.splitlines()
        assert all(line.startswith("warning: plugin stray-") for line in lines)
        assert {line.split()[2] for line in lines} == {f"stray-{name}" for name in UNLOADED}
        assert all(line.endswith("see `agent plugins doctor`") for line in lines)
    assert "hello" not in listed[1]
    assert "stray-claims-ours/flow" in listed[1]


@pytest.mark.parametrize("backbone", ["steady", "flow"])
def test_a_run_with_good_parts_is_trained_and_scored(runs, backbone):
    status, out, _ = runs[backbone]
    assert status == 0
    assert json.loads(out)["runs"][0]["episodes"] == 2


@pytest.mark.parametrize(
    ("name", "status", "sentence", "advice"),
    [
        ("build-raises", 3, "failed to build: ValueError: no width; ", UPGRADE),
        ("build-exits", 3, "failed to build: it called sys.exit(0); ", UPGRADE),
        (
            "wrong-shape",
            3,
            "has a matching loss of shape (4, 2) for 4 rows; it is one number per row, [batch], ",
            UPGRADE,
        ),
        (
            "not-a-number",
            1,
            "or the fault lies in backbone 'not-a-number' of stray-not-a-number 1.0, ",
            "as `agent plugins check {0}` may tell",
        ),
    ],
)
def test_a_backbone_that_fails_at_work_is_named_with_what_to_do(
    runs, name, status, sentence, advice
):
    ended, out, err = runs[name]
    (error,) = [line for line in err.splitlines() if line.startswith("error: ")]
    assert (ended, out) == (status, "")
    assert f"backbone '{name}' of stray-{name} 1.0" in error
    assert sentence in error
    assert advice.format(f"stray-{name}") in error


def test_an_objective_that_does_not_average_is_named_with_what_to_do(runs):
    status, _, err = runs["unaveraged"]
    assert status == 3
    assert (
        "error: objective 'unaveraged' of stray-unaveraged 1.0: the loss that trains 'policy' has "
        "shape (8,); it is one number, such as the mean over the batch; upgrade it with "
        f"`{UPGRADE.format('stray-unaveraged')}"
    ) in err


def test_a_name_that_two_distributions_claim_is_asked_for_in_full(runs):
    status, _, err = runs["drift"]
    assert status == 3
    assert "name one of them in full: stray-claims-one/drift, stray-claims-two/drift" in err


def test_the_full_name_of_a_part_that_is_missing_from_its_package_names_the_package(runs):
    status, _, err = runs["stray-claims-ours/flow"]
    assert status == 3
    assert "error: backbone 'flow' of plugin stray-claims-ours 1.0 failed to load" in err


def test_the_doctor_names_each_with_its_traceback(stray):
    done = stray.agent("plugins", "doctor", AGENT_PLUGINS_PATIENCE="2")
    assert done.status == 3
    for name in UNLOADED:
        assert f"stray-{name}:parts is broken: plugin stray-{name} 1.0 " in done.out
    assert "RuntimeError: no GPU\n" in done.out
    assert "time.sleep(0.1)\n" in done.out
    assert "note: plugin stray-prints 1.0 prints while it is loaded: 'hello'; ask its" in done.out
    assert "note: backbone 'drift' is claimed by 2 plugins: type stray-claims-one/drift or" in (
        done.out
    )
    named = done.err.splitlines()[-1]
    assert named.startswith("error: plugins with problems: stray-")
    assert "stray-hangs" in named
    assert "stray-steady" not in named


def test_what_is_denied_is_not_imported_and_listed_with_the_reason(stray):
    done = stray.agent("plugins", "list", AGENT_PLUGINS_DENY="stray-*")
    assert done.status == 0
    assert (
        "stray-hangs is denied: plugin stray-hangs 1.0 was not loaded, because AGENT_PLUGINS_DENY "
        "has 'stray-*': remove that to use it" in done.out
    )
