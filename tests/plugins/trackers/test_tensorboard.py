"""What TensorBoard itself reads of what we wrote."""

import math
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from genpolicy.records import RunStart
from genpolicy_plugins.trackers.tensorboard_events import TensorBoard

pytestmark = pytest.mark.skipif(
    find_spec("tensorboard") is None, reason="tensorboard is not installed: genpolicy[tensorboard]"
)


def read(run: RunStart, folder: str = "tensorboard") -> Any:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(Path(run.directory) / folder), size_guidance={"scalars": 0})
    return events.Reload()


def text(events: Any, tag: str) -> str:
    return str(events.Tensors(tag)[-1].tensor_proto.string_val[0].decode())


def test_metrics_and_scores_are_scalars(tell, run: RunStart) -> None:
    tell(TensorBoard())
    events = read(run)
    losses = [(event.step, event.value) for event in events.Scalars("policy/loss")]
    assert losses == [(step, pytest.approx(step / 1000)) for step in (100, 200, 300, 400)]
    assert all(math.isnan(event.value) for event in events.Scalars("policy/odd"))
    assert [event.value for event in events.Scalars("evaluation/score")] == [25.0]


def test_the_recipe_is_hyper_parameters(tell, run: RunStart) -> None:
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    tell(TensorBoard())
    content = read(run).SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    found = HParamsPluginData.FromString(content).session_start_info.hparams
    assert found["network"].string_value == "genpolicy/mlp"
    assert found["train.ema"].number_value == 0.9


@pytest.mark.parametrize(
    ("state", "shown"), [("finished", "finished"), ("failed", "failed: there is a reason")]
)
def test_the_end_is_a_text(tell, run: RunStart, state: str, shown: str) -> None:
    tell(TensorBoard(), state=state)
    assert text(read(run), "state/text_summary") == shown


def test_a_run_that_goes_on_shows_no_step_twice(tell, run: RunStart) -> None:
    tell(TensorBoard(), last=300, state="interrupted")
    tell(TensorBoard(), first=200)
    events = read(run)
    assert [event.step for event in events.Scalars("policy/loss")] == [100, 200, 300, 400]
    assert text(events, "state/text_summary") == "finished"


def test_what_was_told_is_there_before_the_run_ends(tell, run: RunStart) -> None:
    tell(TensorBoard(folder="{run}"), last=200, state=None)
    assert [event.step for event in read(run, run.id).Scalars("policy/loss")] == [100, 200]
