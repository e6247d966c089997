"""Agents of chunks: trained, scored, scored again and resumed."""

import numpy as np
import pytest

from genpolicy.agent import Agent
from genpolicy.composition.choosing import recall
from genpolicy.composition.layers import from_arguments
from genpolicy.composition.resolve import resolve
from genpolicy.registry import Registry

CHUNKS = (
    "dataset.chunk=4",
    "objective=bc",
    "objective.steps=20",
    "objective.batch_size=32",
    "network=mlp",
    "network.hidden=16",
    "evaluation.episodes=2",
    "evaluation.environments=2",
    "train.looks=0",
)


def recorded(run):
    with Registry.open("registry.db", read_only=True) as registry:
        return registry.run(run)


@pytest.mark.slow
def test_an_agent_of_chunks_is_trained_scored_and_scored_again(agent, place):
    done = agent("run", *CHUNKS, "--json", "--quiet")
    assert done.status == 0, done.err
    (facts,) = done.json["runs"]
    run = recorded(facts["run"])
    assert run.start.dataset.name == "pointmaze/umaze"
    assert run.start.recipe["parts"]["dataset"]["options"]["chunk"] == 4
    assert [episode.length for episode in run.final_evaluation.episodes] == [300, 300]
    again = agent("evaluate", f"runs/{facts['run']}", "--json")
    assert again.json["return"] == facts["return"]
    loaded = Agent.load(place / "runs" / facts["run"] / "agent")
    chunks = loaded.act(np.random.default_rng(0).normal(size=(50, 6)))
    assert chunks.shape == (50, 4, 2)
    assert np.abs(chunks).max() == 1.0  # an untrained agent's are cut off at the box


@pytest.mark.slow
def test_a_run_of_chunks_is_resumed(agent, drift):
    settings = [word for word in CHUNKS if "objective" not in word]
    assert agent("run", "--objective", "faulty", *settings, "--quiet").status == 1
    with Registry.open("registry.db", read_only=True) as registry:
        run = registry.runs()[0].id
    drift.change(
        drift.parts,
        drift.parts.read_text().replace(
            'raise ValueError("this cannot be")',
            "return Loss(policy.matching_loss(batch.action, batch.observation).mean())",
        ),
    )
    done = agent("resume", run)
    assert done.status == 0, done.err
    assert recorded(run).state == "finished"


def test_an_agent_from_before_there_were_chunks_is_recalled_without(catalogue):
    recipe = resolve(catalogue, [from_arguments(("dataset=pointmaze/umaze",))])
    facts = recipe.as_json()
    assert facts["parts"]["dataset"]["options"].pop("chunk") == 1
    assert recall(catalogue, facts).as_json() == recipe.as_json()
