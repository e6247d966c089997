"""Every network, found through the catalogue, keeps the contract of ``Network``."""

import pytest
import torch
from torch import Tensor, nn

from genpolicy.discovery.catalogue import load_catalogue
from genpolicy.network import Network, NetworkRecipe, NetworkSpec
from genpolicy.recipe import make_recipe
from genpolicy_plugins.networks.batched import BatchedMLP
from genpolicy_plugins.networks.mlp import MLP
from genpolicy_plugins.networks.temporal_spatial_residual import TemporalSpatialResidual
from genpolicy_plugins.networks.time_embedding import FourierEmbedding, SinusoidalEmbedding


def _recipes() -> dict[str, type[NetworkRecipe]]:
    catalogue = load_catalogue()
    parts = catalogue.parts("network")
    return {part.spec.name: catalogue.load(part, NetworkRecipe) for part in parts}


RECIPES = _recipes()
every_network = pytest.mark.parametrize("name", sorted(RECIPES))
every_shape = pytest.mark.parametrize("shape", [(2,), (4, 2)], ids=["action", "chunk"])
every_count = pytest.mark.parametrize("times", [0, 1, 2])


def _build(name: str, shape: tuple[int, ...], times: int = 1, **spec: tuple[int, ...]) -> Network:
    torch.manual_seed(0)
    recipe = make_recipe(RECIPES[name], {"hidden": "16,8"}, who=name)
    built = recipe.build(NetworkSpec(sample_shape=shape, condition_dim=3, times=times, **spec))
    return built.double()


def _inputs(shape: tuple[int, ...], times: int = 1, rows: int = 5) -> tuple[Tensor, ...]:
    torch.manual_seed(1)
    made = torch.randn(rows, *shape).double(), torch.randn(rows, 3).double()
    return (*made, *torch.rand(times, rows).double())


def _call(network: Network, sample: Tensor, condition: Tensor, *times: Tensor) -> Tensor:
    output: Tensor = network(sample, network.encode(condition), *times)
    return output


@every_network
@every_shape
@every_count
def test_the_output_has_the_shape_of_the_sample(
    name: str, shape: tuple[int, ...], times: int
) -> None:
    assert _call(_build(name, shape, times), *_inputs(shape, times)).shape == (5, *shape)


@every_network
def test_the_output_may_have_a_shape_of_its_own(name: str) -> None:
    network = _build(name, (4, 2), output_shape=(3,))
    assert _call(network, *_inputs((4, 2))).shape == (5, 3)


@every_network
@every_shape
@every_count
def test_rows_do_not_mix(name: str, shape: tuple[int, ...], times: int) -> None:
    network, inputs = _build(name, shape, times), _inputs(shape, times)
    whole, order = _call(network, *inputs), torch.tensor([3, 0, 4, 1, 2])
    torch.testing.assert_close(_call(network, *(values[order] for values in inputs)), whole[order])
    torch.testing.assert_close(_call(network, *(values[1:2] for values in inputs)), whole[1:2])


@every_network
@every_count
def test_a_time_may_be_a_scalar_for_all_rows(name: str, times: int) -> None:
    network = _build(name, (2,), times)
    sample, condition = _inputs((2,), 0)
    scalars = torch.rand(times).double()
    rows = [t.expand(5) for t in scalars]
    torch.testing.assert_close(
        _call(network, sample, condition, *scalars), _call(network, sample, condition, *rows)
    )


@every_network
def test_every_input_matters(name: str) -> None:
    network, inputs = _build(name, (2,), 2), _inputs((2,), 2)
    before = _call(network, *inputs)
    for index, values in enumerate(inputs):
        changed = [*inputs[:index], values + 0.1, *inputs[index + 1 :]]
        assert ((_call(network, *changed) - before).abs().amax(1) > 1e-6).all()


@every_network
def test_two_times_are_told_apart(name: str) -> None:
    network = _build(name, (2,), 2)
    sample, condition, t, s = _inputs((2,), 2)
    swapped = _call(network, sample, condition, s, t)
    assert not torch.allclose(_call(network, sample, condition, t, s), swapped)


@every_network
def test_one_encoding_serves_many_times(name: str) -> None:
    network = _build(name, (2,))
    sample, condition, _ = _inputs((2,))
    context = network.encode(condition)
    for t in torch.rand(3).double():
        assert torch.equal(network(sample, context, t), _call(network, sample, condition, t))


@every_network
@every_count
def test_gradients_reach_every_weight(name: str, times: int) -> None:
    network = _build(name, (2,), times)
    _call(network, *_inputs((2,), times)).square().sum().backward()  # type: ignore[no-untyped-call]
    for key, weight in network.named_parameters():
        assert weight.grad is not None, key
        assert torch.isfinite(weight.grad).all(), key
        assert weight.grad.abs().sum() > 0, key


@every_network
def test_weights_are_drawn_from_the_global_random_numbers(name: str) -> None:
    one, same = _build(name, (2,)).state_dict(), _build(name, (2,)).state_dict()
    torch.manual_seed(7)
    recipe = make_recipe(RECIPES[name], {"hidden": "16,8"}, who=name)
    other = recipe.build(NetworkSpec(sample_shape=(2,), condition_dim=3)).state_dict()
    assert all(torch.equal(one[key], same[key]) for key in one)
    assert any(not torch.equal(one[key], other[key].double()) for key in one)


@every_network
def test_a_wrong_number_of_times_is_refused(name: str) -> None:
    network = _build(name, (2,), 1)
    sample, condition, t = _inputs((2,))
    with pytest.raises((ValueError, RuntimeError)):
        _call(network, sample, condition, t, t)


def test_the_residual_network_has_as_many_weights_as_the_papers() -> None:
    spec = NetworkSpec(sample_shape=(6,), condition_dim=17)
    network = TemporalSpatialResidual().build(spec)
    assert sum(weight.numel() for weight in network.parameters()) == 1_633_222


def test_the_residual_networks_frequencies_are_saved_and_do_not_train() -> None:
    network = TemporalSpatialResidual().build(NetworkSpec(sample_shape=(6,), condition_dim=17))
    assert "embedding.frequencies" in network.state_dict()
    assert "embedding.frequencies" not in dict(network.named_parameters())


@pytest.mark.parametrize("recipe", [MLP, TemporalSpatialResidual])
@pytest.mark.parametrize("hidden", [(), (16, 0)])
def test_widths_that_are_none_are_refused(
    recipe: type[MLP | TemporalSpatialResidual], hidden: tuple[int, ...]
) -> None:
    with pytest.raises(ValueError, match="hidden needs one or more positive widths; got"):
        recipe(hidden=hidden)


def test_odd_embeddings_are_refused() -> None:
    with pytest.raises(ValueError, match="time_dim is an even number; got 5"):
        MLP(time_dim=5)
    with pytest.raises(ValueError, match="embedding is an even number; got 5"):
        TemporalSpatialResidual(embedding=5)


@pytest.mark.parametrize("embedding", [FourierEmbedding(8, 30.0), SinusoidalEmbedding(8)])
def test_a_time_is_embedded_as_sines_and_cosines_of_its_phase(
    embedding: FourierEmbedding | SinusoidalEmbedding,
) -> None:
    t = torch.tensor([0.0, 0.25])
    embedded = embedding(t)
    assert embedded.shape == (2, 8)
    assert embedded[0].tolist() == [0.0] * 4 + [1.0] * 4
    torch.testing.assert_close(embedded[1, :4], torch.sin(0.25 * embedding.frequencies))
    assert embedding(torch.tensor(0.25)).shape == (8,)


def test_sinusoidal_frequencies_run_from_half_a_turn_to_the_highest() -> None:
    turns = SinusoidalEmbedding(8, highest=8.0).frequencies / (2 * torch.pi)
    torch.testing.assert_close(turns[[0, -1]], torch.tensor([0.5, 8.0]))


def test_members_of_a_batched_perceptron_are_perceptrons_of_their_own() -> None:
    torch.manual_seed(0)
    batched = BatchedMLP(3, (5, 4), members=2)
    inputs = torch.randn(6, 3)
    for member in range(2):
        layers: list[nn.Module] = []
        for weight, bias in zip(batched.weights, batched.biases, strict=True):
            linear = nn.Linear(*weight.shape[1:])
            linear.load_state_dict({"weight": weight[member].T, "bias": bias[member, 0]})
            layers += [linear, nn.ReLU()]
        alone = nn.Sequential(*layers[:-1])
        torch.testing.assert_close(batched(inputs)[member], alone(inputs).squeeze(1))


def test_members_of_a_batched_perceptron_start_apart_and_within_the_usual_bounds() -> None:
    torch.manual_seed(0)
    batched = BatchedMLP(4, (16,), members=2)
    for weight, bound in zip(batched.weights, (0.5, 0.25), strict=True):
        assert not torch.equal(weight[0], weight[1])
        assert float(weight.abs().max().detach()) <= bound
        assert float(weight.abs().max().detach()) > 0.8 * bound
