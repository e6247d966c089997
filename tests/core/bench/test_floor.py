import pytest
import torch
from torch import nn

from genpolicy.bench.floor import Floor, record

BATCH, INPUTS, HIDDEN, OUTPUTS = 32, 5, 16, 3


def perceptron():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(INPUTS, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, HIDDEN), nn.Linear(HIDDEN, OUTPUTS)
    )


def forward_flops(batch=BATCH):
    return 2 * batch * (INPUTS * HIDDEN + HIDDEN * HIDDEN + HIDDEN * OUTPUTS)


def test_a_forward_pass_has_one_product_per_layer():
    model, x = perceptron(), torch.randn(BATCH, INPUTS)
    products = record(lambda: model(x))
    assert [product.name for product in products] == ["addmm"] * 3
    assert sum(product.flops for product in products) == forward_flops()


def test_backward_has_two_products_per_layer_but_one_for_the_first():
    model, x = perceptron(), torch.randn(BATCH, INPUTS)
    floor = Floor.of(lambda: model(x).sum().backward())
    first = 2 * BATCH * INPUTS * HIDDEN  # nobody asks for the gradient of the input
    assert len(floor.products) == 3 + 2 * 3 - 1
    assert floor.flops == 3 * forward_flops() - first


def test_layers_are_seen_in_inference_mode_too():
    model, x = perceptron(), torch.randn(BATCH, INPUTS)
    with torch.inference_mode():
        floor = Floor.of(lambda: model(x))
    assert floor.flops == forward_flops()


def test_products_of_several_models_at_once_are_seen():
    models, x = torch.randn(4, INPUTS, OUTPUTS), torch.randn(4, BATCH, INPUTS)
    floor = Floor.of(lambda: torch.func.vmap(torch.matmul)(x, models))
    assert floor.flops == 4 * 2 * BATCH * INPUTS * OUTPUTS


def test_attention_counts_its_two_products():
    query = torch.randn(2, 1, 7, 8)
    floor = Floor.of(lambda: nn.functional.scaled_dot_product_attention(query, query, query))
    assert floor.flops == 2 * (2 * 2 * 7 * 7 * 8)
    floor()


@pytest.mark.parametrize(
    ("work", "flops"),
    [
        (lambda a: a @ a[0], 2 * 4 * 4),
        (lambda a: torch.addmv(a[0], a, a[1]), 2 * 4 * 4),
        (lambda a: torch.mm(a, a, out=torch.empty(4, 4)), 2 * 4**3),
    ],
)
def test_vectors_and_given_outputs_count_as_well(work, flops):
    a = torch.randn(4, 4)
    floor = Floor.of(lambda: work(a))
    assert floor.flops == flops
    floor()


def test_a_replay_takes_the_same_products_with_the_same_layouts():
    model, x = perceptron(), torch.randn(BATCH, INPUTS)
    floor = Floor.of(lambda: model(x).square().mean().backward())
    again = record(floor)
    assert [product.name for product in again] == [product.name for product in floor.products]
    for ours, theirs in zip(again, floor.products, strict=True):
        assert ours.shapes == theirs.shapes
        assert [place.stride for place in ours.arguments if not isinstance(place, int)] == [
            place.stride for place in theirs.arguments if not isinstance(place, int)
        ]


def test_a_replay_takes_what_lay_in_one_place_from_one_place():
    weight = torch.randn(4, 4)
    two = record(Floor.of(lambda: (weight @ torch.randn(4, 4), weight @ torch.randn(4, 4))))
    assert two[0].arguments[0].address == two[1].arguments[0].address


def test_work_without_products_has_no_floor():
    floor = Floor.of(lambda: torch.randn(3).exp())
    assert (floor.products, floor.flops) == ((), 0)


def test_a_replay_draws_no_random_numbers_and_keeps_its_inputs():
    model, x = perceptron(), torch.randn(BATCH, INPUTS)
    floor = Floor.of(lambda: model(x))
    state, before = torch.get_rng_state(), [each.clone() for each in model.parameters()]
    floor()
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
