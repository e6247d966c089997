"""Every network, found through the catalogue, keeps the contract of ``Network``."""

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from genpolicy.discovery.catalogue import load_catalogue
from genpolicy.network import Network, NetworkRecipe, NetworkSpec
from genpolicy.recipe import make_recipe
from genpolicy.testing import NetworkSuite
from genpolicy_plugins.networks.batched import BatchedMLP
from genpolicy_plugins.networks.mlp import MLP
from genpolicy_plugins.networks.residual_mlp import ResidualBlock, ResidualMLP
from genpolicy_plugins.networks.temporal_spatial_residual import TemporalSpatialResidual
from genpolicy_plugins.networks.time_embedding import (
    FourierEmbedding,
    Frequencies,
    SinusoidalEmbedding,
    TimeEmbedding,
    make_time_embedding,
)
from genpolicy_plugins.networks.transformer import Attention, Transformer, TransformerNetwork

SMALL: Mapping[str, Mapping[str, object]] = {
    "mlp": {"hidden": "16,8"},
    "residual-mlp": {"width": 8, "blocks": 2},
    "temporal-spatial-residual": {"hidden": "16,8"},
    "transformer": {"width": 8, "heads": 2, "blocks": 2},
}


def _recipes() -> dict[str, type[NetworkRecipe]]:
    catalogue = load_catalogue()
    parts = catalogue.parts("network")
    return {part.spec.name: catalogue.load(part, NetworkRecipe) for part in parts}


RECIPES = _recipes()
every_network = pytest.mark.parametrize("name", sorted(RECIPES))
every_embedding = pytest.mark.parametrize("kind", ["sinusoidal", "fourier"])
every_shape = pytest.mark.parametrize("shape", [(2,), (4, 2)], ids=["action", "chunk"])

VARIANTS: Mapping[str, tuple[str, Mapping[str, object]]] = {
    **{name: (name, {}) for name in SMALL},
    "mlp-fourier": ("mlp", {"time_embedding": "fourier", "activation": "tanh"}),
    "residual-mlp-dropout": ("residual-mlp", {"dropout": 0.2, "layer_norm": False}),
    "transformer-dropout": ("transformer", {"dropout": 0.2}),
}


def _recipe(name: str, **options: object) -> NetworkRecipe:
    return make_recipe(RECIPES[name], {**SMALL[name], **options}, who=name)


class TestEveryNetwork(NetworkSuite):
    @pytest.fixture(params=VARIANTS)
    def part(self, request: pytest.FixtureRequest) -> NetworkRecipe:
        name, options = VARIANTS[request.param]
        return _recipe(name, **options)


def _build(
    name: str,
    shape: tuple[int, ...],
    times: int = 1,
    output_shape: tuple[int, ...] | None = None,
    **options: object,
) -> Network:
    torch.manual_seed(0)
    spec = NetworkSpec(sample_shape=shape, condition_dim=3, times=times, output_shape=output_shape)
    return _recipe(name, **options).build(spec).double()


def _inputs(shape: tuple[int, ...], times: int = 1) -> tuple[Tensor, ...]:
    torch.manual_seed(1)
    made = torch.randn(5, *shape).double(), torch.randn(5, 3).double()
    return (*made, *torch.rand(times, 5).double())


def _call(network: Network, sample: Tensor, condition: Tensor, *times: Tensor) -> Tensor:
    output: Tensor = network(sample, network.encode(condition), *times)
    return output


def test_every_network_is_tried_here() -> None:
    assert set(SMALL) == set(RECIPES)


@every_network
@every_shape
def test_the_derivative_along_a_scalar_time_is_that_along_the_times_of_all_rows(
    name: str, shape: tuple[int, ...]
) -> None:
    network, (sample, condition) = _build(name, shape), _inputs(shape, 0)
    context, t = network.encode(condition), torch.tensor(0.3).double()
    slopes = [
        torch.func.jvp(lambda s: network(sample, context, s), (told,), (torch.ones_like(told),))[1]
        for told in (t, t.repeat(5))
    ]
    torch.testing.assert_close(slopes[0], slopes[1])


@every_network
def test_tokens_influence_each_other_and_their_order_matters(name: str) -> None:
    network, (sample, condition, t) = _build(name, (4, 2)), _inputs((4, 2))
    before = _call(network, sample, condition, t)
    changed = sample.clone()
    changed[:, 0] += 1.0
    moved = _call(network, changed, condition, t) - before
    assert (moved.abs().amax((0, 2)) > 1e-4).all()
    reversed_ = _call(network, sample.flip(1), condition, t).flip(1)
    assert ((reversed_ - before).abs().amax((1, 2)) > 1e-2).all()


@every_network
@every_embedding
def test_times_are_embedded_as_asked(name: str, kind: str) -> None:
    network = _build(name, (2,), 2, time_embedding=kind)
    made = {"sinusoidal": SinusoidalEmbedding, "fourier": FourierEmbedding}[kind]
    assert [type(module) for module in network.modules() if isinstance(module, TimeEmbedding)] == [
        made
    ]
    assert _call(network, *_inputs((2,), 2)).shape == (5, 2)


def test_a_transformer_without_positions_would_not_know_the_order_of_its_tokens() -> None:
    network, (sample, condition, t) = _build("transformer", (4, 2)), _inputs((4, 2))
    assert isinstance(network, TransformerNetwork)
    nn.init.zeros_(network.position)
    flipped = _call(network, sample.flip(1), condition, t)
    torch.testing.assert_close(flipped.flip(1), _call(network, sample, condition, t))


def test_attention_is_torchs_own() -> None:
    torch.manual_seed(0)
    ours, theirs = Attention(8, heads=2), nn.MultiheadAttention(8, 2, batch_first=True)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(ours.from_tokens.weight)
        theirs.in_proj_bias.zero_()
    theirs.out_proj.load_state_dict(ours.to_tokens.state_dict())
    tokens = torch.randn(3, 5, 8)
    torch.testing.assert_close(ours(tokens), theirs(tokens, tokens, tokens)[0])


def test_a_transformers_output_of_its_own_sequence_is_made_token_by_token() -> None:
    per_token = _build("transformer", (4, 2), output_shape=(4, 6))
    together = _build("transformer", (4, 2), output_shape=(6,))
    assert isinstance(per_token, TransformerNetwork)
    assert isinstance(together, TransformerNetwork)
    assert per_token.last.weight.shape == (6, 8)
    assert together.last.weight.shape == (6, 4 * 8)


@pytest.mark.parametrize("name", ["residual-mlp", "transformer"])
def test_dropout_acts_in_training_alone(name: str) -> None:
    network, inputs = _build(name, (2,), dropout=0.5), _inputs((2,))
    assert not torch.equal(_call(network, *inputs), _call(network, *inputs))
    network.eval()
    before = _call(network, *inputs)
    assert torch.equal(_call(network, *inputs), before)
    torch.testing.assert_close(before, _call(_build(name, (2,), dropout=0.0), *inputs))


def test_a_residual_perceptron_does_without_layer_norm() -> None:
    def norms(network: Network) -> int:
        return sum(isinstance(module, nn.LayerNorm) for module in network.modules())

    assert norms(_build("residual-mlp", (2,))) == 2
    assert norms(_build("residual-mlp", (2,), layer_norm=False)) == 0


def test_a_residual_block_adds_to_what_it_is_given() -> None:
    block = ResidualBlock(4, dropout=0.0, layer_norm=True, activation=nn.Mish)
    x = torch.randn(3, 4)
    hidden = functional.mish(block.first(functional.layer_norm(x, (4,))))
    torch.testing.assert_close(block(x), x + block.second(hidden))
    assert block.first.weight.shape == (16, 4)


def test_heads_that_do_not_divide_the_width_are_refused() -> None:
    with pytest.raises(ValueError, match="heads divides width; got 3 heads for a width of 8"):
        Transformer(width=8, heads=3)


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
    for recipe in (MLP, ResidualMLP, Transformer):
        with pytest.raises(ValueError, match="time_dim is an even number; got 5"):
            recipe(time_dim=5)
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


def test_a_time_embedding_is_made_by_name_and_fourier_alone_draws() -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    assert isinstance(make_time_embedding("sinusoidal", 8, 1.0, None), SinusoidalEmbedding)
    assert torch.equal(torch.get_rng_state(), before)
    made = make_time_embedding("fourier", 20_000, 5.0, None)
    assert isinstance(made, FourierEmbedding)
    assert made.dim == 20_000
    assert float(made.frequencies.std() / (2 * torch.pi)) == pytest.approx(5.0, rel=0.05)


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


@pytest.mark.parametrize("kind", ["sinusoidal", "fourier"])
def test_a_time_embedding_is_slowed_as_a_whole_to_the_turns_that_are_allowed(
    kind: Frequencies,
) -> None:
    torch.manual_seed(0)
    free = make_time_embedding(kind, 16, 30.0, None).frequencies
    torch.manual_seed(0)
    slowed = make_time_embedding(kind, 16, 30.0, 2.0).frequencies
    torch.testing.assert_close(slowed.abs().max(), torch.tensor(4.0 * torch.pi))
    torch.testing.assert_close(slowed / slowed[0], free / free[0])
    torch.manual_seed(0)
    assert torch.equal(make_time_embedding(kind, 16, 30.0, 1e4).frequencies, free)
