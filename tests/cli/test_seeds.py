"""``agent run --seeds``: several seeds as one program, each a run of its own."""

import re

from genpolicy.registry import Registry


def batches(place):
    """Return what each run's record says of its batch, by seed."""
    with Registry.open(place / "registry.db") as registry:
        runs = [registry.run(run.id) for run in registry.runs()]
        return {
            run.start.seed: [event.message for event in run.events if event.kind == "batch"]
            for run in runs
        }


def test_seeds_train_as_one_program(agent, place, tiny):
    done = agent("run", "--seeds", "3", "--seed", "4", "--json", *tiny)
    assert done.status == 0, done.err
    assert [each["seed"] for each in done.json["runs"]] == [4, 5, 6]
    found = batches(place)
    assert sorted(found) == [4, 5, 6]
    assert found[5][0].startswith("member 2 of 3 that train as one program: ")


def test_they_train_one_after_another_if_asked(agent, place, tiny):
    done = agent("run", "--seeds", "2", "--one-by-one", *tiny)
    assert done.status == 0, done.err
    assert batches(place) == {0: [], 1: []}


def test_what_cannot_be_batched_is_said_and_trains_one_after_another(agent, place, tiny):
    done = agent("run", "--seeds", "2", *tiny, "train.online_steps=3", "objective=iql")
    assert done.status == 0, done.err
    assert "the seeds train one after another, not as one program: each acts in an" in done.err


def test_several_seeds_end_with_their_mean_and_its_interval(agent, place, tiny):
    done = agent("run", "--seeds", "2", *tiny)
    (line,) = [line for line in done.out.splitlines() if line.startswith("score over")]
    number = r"-?[\d.]+"
    told = rf"score over 2 seeds: mean {number} ± {number} \(95 % interval\), lowest {number}, high"
    assert re.match(told, line), line
