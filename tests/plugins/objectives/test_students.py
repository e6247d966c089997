"""Students: fql and gfp distil a flow, srpo is held by the behaviour's score."""

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from genpolicy.path import GaussianPath, GVPPath, LinearPath, VPPath
from genpolicy_plugins.objectives.fql import FQL
from genpolicy_plugins.objectives.gfp import GFP
from genpolicy_plugins.objectives.srpo import SRPO
from genpolicy_plugins.solvers.jump import Jump


def _distilling(known: SimpleNamespace, slope: float = 2.0) -> dict[str, Any]:
    """A student that does s + (0.5, 0.5), a behaviour that does s, and Q = slope (a_1 + a_2)."""
    return {
        "student": known.Affine([0.5, 0.5]),
        "behaviour": known.Affine([0.0, 0.0]),
        "behaviour_solver": Jump(),
        "critic": known.Values(slope),
    }


def _two_rows(known: SimpleNamespace) -> Any:
    return known.batch([[9.0, 9.0]] * 2, [[0.0, 0.0], [1.0, 1.0]])


# mean squared distance 0.25 per dimension; Q = 2 * 1 and 2 * 3, of mean 4 and of mean size 4
STUDENTS = pytest.mark.parametrize(
    ("objective", "expected"),
    [
        (FQL(alpha=10.0), 10.0 * 0.25 - 4.0),
        (FQL(alpha=10.0, normalise_q=True), 10.0 * 0.25 - 1.0),
        (GFP(alpha=10.0), 10.0 * 0.25 - 1.0),
    ],
    ids=["fql", "fql normalised", "gfp"],
)


@STUDENTS
def test_a_students_loss_is_the_one_computed_by_hand(
    objective: Any, expected: float, known: SimpleNamespace
) -> None:
    loss = objective.student_loss(_two_rows(known), **_distilling(known))
    assert float(loss.value.detach()) == pytest.approx(expected)
    assert float(loss.metrics["distance"]) == pytest.approx(0.25)
    assert float(loss.metrics["q"]) == pytest.approx(4.0)


@STUDENTS
def test_a_students_loss_does_not_move_the_behaviour(
    objective: Any, expected: float, known: SimpleNamespace
) -> None:
    given = _distilling(known)
    objective.student_loss(_two_rows(known), **given).value.backward()
    assert all(weight.grad is None for weight in given["behaviour"].parameters())
    # alpha 2 * 0.5 / 2 per dimension, less Q's slope of 2, or of 2 / 4 where it is scaled
    pull = 10.0 * 0.5 - (2.0 if expected < 0 else 0.5)
    torch.testing.assert_close(
        given["student"].offset.grad, torch.full((2,), pull, dtype=torch.float64)
    )


@pytest.mark.parametrize("objective", [FQL(normalise_q=True), GFP()], ids=["fql", "gfp"])
def test_a_scaled_students_gradient_knows_no_unit_of_reward(
    objective: Any, known: SimpleNamespace
) -> None:
    def gradient(slope: float) -> Any:
        given = _distilling(known, slope)
        loss = objective.student_loss(_two_rows(known), **given)
        return torch.autograd.grad(loss.value, given["student"].offset)[0]

    torch.testing.assert_close(gradient(20.0), gradient(2.0))


@pytest.mark.parametrize("prior_std", [1.0, 80.0])
@pytest.mark.parametrize("objective", [FQL(), GFP()], ids=["fql", "gfp"])
def test_student_and_behaviour_are_compared_at_the_same_noise(
    objective: Any, prior_std: float, known: SimpleNamespace
) -> None:
    """A student that is the behaviour's own map is no distance away, whatever the noise's size."""
    given = _distilling(known)
    given["student"] = known.Affine([0.5, 0.5], scale=0.7)
    given["behaviour"] = known.Affine([0.5, 0.5], scale=0.7 / prior_std, prior_std=prior_std)
    loss = objective.student_loss(_two_rows(known), **given)
    assert float(loss.metrics["distance"]) == pytest.approx(0.0, abs=1e-20)
    given["behaviour"] = known.Affine([0.5, 0.5], scale=0.6 / prior_std, prior_std=prior_std)
    loss = objective.student_loss(_two_rows(known), **given)
    assert float(loss.metrics["distance"]) > 1e-4


def test_fqls_behaviour_imitates_in_peace(known: SimpleNamespace) -> None:
    loss = FQL().behaviour_loss(known.column([5.0, -5.0]), known.Losses([1.0, 0.5]))
    assert float(loss.value.detach()) == pytest.approx(0.75)


def test_gfps_weights_are_the_sigmoid_computed_by_hand(known: SimpleNamespace) -> None:
    behaviour, student = known.Losses([1.0, 0.5]), known.Affine([0.0])
    # Q(a_D) = 3 and 1 against Q(student) = 1 and 7, of mean size 3: differences 2 / 3 and -2,
    # over 0.5
    batch, critic = known.column([3.0, 1.0], [1.0, 7.0]), known.Values()
    loss = GFP(temperature=0.5).behaviour_loss(batch, behaviour, student, critic)
    good, bad = (1 / (1 + math.exp(-x)) for x in (4 / 3, -4.0))
    assert float(loss.value.detach()) == pytest.approx((good * 1.0 + bad * 0.5) / 2)
    assert float(loss.metrics["weight"]) == pytest.approx((good + bad) / 2)
    loss.value.backward()
    torch.testing.assert_close(behaviour.losses.grad, torch.tensor([good, bad]) / 2)
    assert student.offset.grad is None
    assert critic.slope.grad is None


def test_gfp_stays_finite_where_values_are_far_apart(known: SimpleNamespace) -> None:
    batch, student = known.column([1e6, -1e6]), known.Affine([0.0])
    loss = GFP().behaviour_loss(batch, known.Losses([1.0, 0.5]), student, known.Values())
    assert float(loss.value.detach()) == pytest.approx(0.5)


@pytest.mark.parametrize("objective", [FQL, GFP])
def test_critic_behaviour_and_student_train_together(objective: Any) -> None:
    (stage,) = objective().stages()
    assert list(stage.learning_rates) == ["critic", "behaviour", "student"]
    assert objective.acting_role == "student"


def _held(known: SimpleNamespace, at: float, slope: float, behaviour: Any, rows: int) -> float:
    """The gradient of srpo's loss at a student that does ``at``, with beta = 0.1, Q = slope a."""
    student, critic = known.Affine([at]), known.Values(slope)
    torch.manual_seed(0)
    batch = known.column([9.0] * rows)
    loss = SRPO(beta=0.1).student_loss(batch, student, behaviour, critic)
    return float(torch.autograd.grad(loss.value, student.offset)[0])


def test_srpos_loss_is_the_one_computed_by_hand(known: SimpleNamespace) -> None:
    student, behaviour = known.Affine([1.0, -1.0]), known.Point([0.5, 0.5])
    batch = known.batch([[9.0, 9.0]] * 20_000, [[0.0, 0.0]] * 20_000)
    torch.manual_seed(0)
    loss = SRPO(beta=0.1).student_loss(batch, student, behaviour, known.Values(2.0))
    # of a point eps_hat - eps is alpha_t (a - mean) / sigma_t, so the pull alpha sigma (a - mean),
    # with alpha = t and sigma = 1 - t over times in (0.02, 0.98): 0.16627 / 0.96
    pull = 0.1732 * (0.5 * 1.0 + -1.5 * -1.0)
    assert float(loss.value.detach()) == pytest.approx(pull - 0.1 * 2.0 * 0.0, abs=2e-3)
    assert float(loss.metrics["q"]) == pytest.approx(0.0)


@pytest.mark.parametrize(
    "path", [LinearPath(0.0), VPPath(), GVPPath()], ids=lambda path: type(path).__name__
)
def test_srpos_gradient_is_the_formulas_for_a_gaussian_behaviour(
    path: GaussianPath, known: SimpleNamespace, gaussian_data: Any
) -> None:
    behaviour = gaussian_data(path, [0.3], 0.5)
    shares = torch.linspace(0.02, 0.98, 2001, dtype=torch.float64)
    t = path.start + (path.end - path.start) * shares
    # eps_hat = sigma (a_t - alpha m) / (alpha^2 s^2 + sigma^2), so E[sigma^2 (eps_hat - eps)] is
    # sigma^3 alpha (a - m) / (alpha^2 s^2 + sigma^2) at every time
    alpha, sigma = path.alpha(t), path.sigma(t)
    stiffness = float((sigma**3 * alpha / (alpha**2 * 0.25 + sigma**2)).mean())
    for at in (-0.2, 0.3, 1.0):
        found = _held(known, at, 2.0, behaviour, 40_000)
        assert found == pytest.approx(stiffness * (at - 0.3) - 0.1 * 2.0, abs=0.01)


def test_srpos_student_rests_at_the_behaviours_mode_if_all_is_worth_the_same(
    known: SimpleNamespace, gaussian_data: Any
) -> None:
    behaviour = gaussian_data(VPPath(), [0.3], 0.5)
    assert _held(known, 0.3, 0.0, behaviour, 40_000) == pytest.approx(0.0, abs=0.01)
    assert _held(known, 0.0, 0.0, behaviour, 40_000) < -0.02
    assert _held(known, 0.6, 0.0, behaviour, 40_000) > 0.02


def test_srpo_moves_neither_behaviour_nor_critic(
    known: SimpleNamespace, gaussian_data: Any
) -> None:
    student, behaviour = known.Affine([0.5]), gaussian_data(VPPath(), [0.3], 0.5)
    critic = known.Values(2.0).requires_grad_(False)
    SRPO().student_loss(known.column([9.0] * 4), student, behaviour, critic).value.backward()
    assert student.offset.grad is not None
    assert all(weight.grad is None for weight in behaviour.parameters())
    assert critic.slope.grad is None


def test_srpo_trains_behaviour_critic_and_student_in_turn() -> None:
    stages = SRPO(behaviour_steps=1, critic_steps=2, policy_steps=3).stages()
    assert [(stage.name, list(stage.learning_rates)) for stage in stages] == [
        ("behaviour", ["behaviour"]),
        ("critic", ["critic"]),
        ("student", ["student"]),
    ]
