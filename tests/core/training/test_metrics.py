import math

import pytest
import torch
from torch import Tensor

from genpolicy.errors import RunError
from genpolicy.training.metrics import MetricMeans

CPU = torch.device("cpu")


def _add(means: MetricMeans, step: int, loss: float, **values: float) -> None:
    metrics: dict[str, Tensor] = {name: torch.tensor(value) for name, value in values.items()}
    means.add(step, {"loss": torch.tensor(loss), **metrics}, [torch.tensor(loss)])


def test_means_are_of_the_steps_since_the_last_close() -> None:
    means = MetricMeans(CPU)
    _add(means, 0, 1.0, q=2.0)
    _add(means, 1, 3.0, q=6.0)
    first = means.close(2)
    _add(means, 2, 5.0, q=1.0)
    second = means.close(3)
    assert first is not None
    assert second is not None
    assert (first.step, first.values()) == (2, {"loss": 2.0, "q": 4.0})
    assert (second.step, second.values()) == (3, {"loss": 5.0, "q": 1.0})


def test_nothing_comes_of_no_steps() -> None:
    assert MetricMeans(CPU).close(0) is None
    assert MetricMeans(CPU).peek(0) is None


def test_a_look_closes_nothing() -> None:
    means = MetricMeans(CPU)
    _add(means, 0, 1.0)
    peeked = means.peek(1)
    _add(means, 1, 3.0)
    closed = means.close(2)
    assert peeked is not None
    assert closed is not None
    assert peeked.values() == {"loss": 1.0}
    assert closed.values() == {"loss": 2.0}


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_the_first_bad_step_is_kept(bad: float) -> None:
    means = MetricMeans(CPU)
    for step, loss in enumerate([1.0, 2.0, bad, 3.0, bad]):
        _add(means, step, loss)
    snapshot = means.close(5)
    assert snapshot is not None
    assert snapshot.first_bad_step() == 2
    assert not math.isfinite(snapshot.values()["loss"])
    _add(means, 5, 1.0)
    after = means.close(6)
    assert after is not None
    assert after.first_bad_step() is None


def test_a_metric_that_is_not_finite_is_no_bad_loss() -> None:
    means = MetricMeans(CPU)
    _add(means, 0, 1.0, q=math.nan)
    snapshot = means.close(1)
    assert snapshot is not None
    assert snapshot.first_bad_step() is None
    assert math.isnan(snapshot.values()["q"])


def test_graphs_are_not_kept() -> None:
    means = MetricMeans(CPU)
    loss = torch.ones((), requires_grad=True) * 2.0
    means.add(0, {"loss": loss}, [loss])
    assert means.total is not None
    assert not means.total.requires_grad


def test_running_sums_are_taken_up_again() -> None:
    means = MetricMeans(CPU)
    _add(means, 0, math.nan)
    _add(means, 1, 0.1)
    other = MetricMeans(CPU)
    other.load(means.state(), means.names)
    for each in (means, other):
        _add(each, 2, 0.2)
    one, two = means.close(3), other.close(3)
    assert one is not None
    assert two is not None
    assert torch.equal(one.means.nan_to_num(), two.means.nan_to_num())
    assert one.names == two.names
    assert two.first_bad_step() == 0


def test_metrics_are_known_by_their_names_and_not_by_their_order() -> None:
    means, one = MetricMeans(CPU), torch.ones(())
    means.add(0, {"a": one, "b": 2 * one}, [one])
    means.add(1, {"b": 4 * one, "a": 3 * one}, [one])
    snapshot = means.close(2)
    assert snapshot is not None
    assert snapshot.values() == {"a": 2.0, "b": 3.0}


def test_metrics_that_change_their_names_are_refused_until_the_stretch_is_over() -> None:
    means, one = MetricMeans(CPU), torch.ones(())
    means.add(0, {"critic/q": one, "policy/loss": one, "policy/kl": one}, [one])
    with pytest.raises(RunError) as caught:
        means.add(1, {"critic/q": one, "policy/loss": one, "policy/entropy": one}, [one])
    assert str(caught.value) == (
        "the loss of role 'policy' must name the same metrics at every step; it named loss, kl, "
        "and then loss, entropy"
    )
    means.close(1)
    means.add(1, {"policy/entropy": one}, [one])
    assert means.names == ("policy/entropy",)


def test_empty_running_sums_are_taken_up_again() -> None:
    other = MetricMeans(CPU)
    other.load(MetricMeans(CPU).state(), ())
    assert other.close(0) is None
