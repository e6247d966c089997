import pytest

from genpolicy.composition.contract import LOSS, needs_of, provided_class
from genpolicy.composition.fit import check_fit, check_solver
from genpolicy.composition.layers import from_arguments
from genpolicy.composition.resolve import resolve
from genpolicy.discovery.catalogue import Catalogue
from genpolicy.errors import BrokenPartError, FitError, OptionError

WITHOUT_VELOCITY = {"consistency", "one-step", "gaussian", "deterministic"}
"""Our own backbones that no ODE solver can serve."""


def _velocities(catalogue: Catalogue) -> str:
    parts = catalogue.parts("backbone")
    own = [part.spec.name for part in parts if part.distribution == "genpolicy"]
    return "fitting: " + ", ".join(name for name in own if name not in WITHOUT_VELOCITY)


def _problems(catalogue: Catalogue, *arguments: str) -> tuple[str, ...]:
    recipe = resolve(catalogue, [from_arguments(arguments)], recipe="none")
    try:
        check_fit(recipe, catalogue)
    except FitError as error:
        return error.problems
    return ()


@pytest.mark.parametrize("objective", ["bc", "gmpo", "gmpg"])
@pytest.mark.parametrize("backbone", ["flow", "diffusion"])
@pytest.mark.parametrize("solver", ["euler", "midpoint", "heun", "rk4", "dopri5"])
def test_our_own_parts_go_together(
    objective: str, backbone: str, solver: str, fakes: Catalogue
) -> None:
    parts = (f"objective={objective}", f"backbone={backbone}", f"solver={solver}")
    assert _problems(fakes, *parts) == ()


def test_a_policy_gradient_needs_velocities_of_a_backbone_and_of_its_solver(
    fakes: Catalogue,
) -> None:
    """All problems at once."""
    fitting = _velocities(fakes)
    assert _problems(fakes, "objective=gmpg", "backbone=jumper", "critic=blunt") == (
        "gmpg needs a backbone that knows its velocity (VelocityBackbone), but 'jumper' is only "
        f"one that jumps from any time to a later one; {fitting}",
        "gmpg needs a backbone as its behaviour that knows its velocity (VelocityBackbone), but "
        f"'jumper' is only one that jumps from any time to a later one; {fitting}",
        "gmpg needs a solver that integrates a velocity (OdeSolver), but 'hop' is only one that "
        "turns noise into samples; fitting: euler, midpoint, heun, rk4, dopri5, torchdiffeq",
        "blunt needs a backbone as its target_policy that knows its velocity (VelocityBackbone), "
        f"but 'jumper' is only one that jumps from any time to a later one; {fitting}",
        "blunt asks for 'policy' in stage 'critic' of gmpg, which trains it later"
        "; take a critic that does not ask for it",
    )


def test_a_solver_that_jumps_needs_a_backbone_that_does(fakes: Catalogue) -> None:
    assert _problems(fakes, "objective=bc", "solver=hop") == (
        "hop needs a backbone that jumps from any time to a later one (FlowMapBackbone), but "
        "'flow' is only one that travels on a known Gaussian path; fitting: trajectory, shortcut, "
        "mean-flow, bidirectional, jumper",
    )


def test_a_backbone_that_jumps_goes_with_what_asks_for_no_more(fakes: Catalogue) -> None:
    assert _problems(fakes, "objective=bc", "backbone=jumper") == ()
    assert _problems(fakes, "objective=gmpo", "backbone=jumper") == ()


def test_weights_by_advantage_need_a_value_of_the_observation(fakes: Catalogue) -> None:
    assert _problems(fakes, "objective=gmpo", "critic=blunt") == (
        "gmpo needs a critic that estimates the value of an observation (ValueCritic), but 'blunt' "
        "is only one that estimates the value of an action; fitting: iql",
        "blunt asks for 'policy' in stage 'critic' of gmpo, which trains it later"
        "; take a critic that does not ask for it",
    )


@pytest.mark.parametrize(
    ("objective", "role"),
    [("gmpo", "policy"), ("gmpo-softmax", "policy"), ("gmpg", "policy"), ("srpo", "student")],
)
@pytest.mark.parametrize("critic", ["double-q", "ensemble"])
def test_a_critic_cannot_ask_who_is_trained_after_it(
    objective: str, role: str, critic: str, catalogue: Catalogue
) -> None:
    problems = _problems(catalogue, f"objective={objective}", f"critic={critic}")
    assert problems[-1] == (
        f"{critic} asks for {role!r} in stage 'critic' of {objective}, which trains it later"
        "; take a critic that does not ask for it"
    )
    assert len(problems) == (2 if objective == "gmpo" else 1)  # gmpo wants a value as well


@pytest.mark.parametrize("objective", ["gmpo-softmax", "gmpg", "sfbc", "qgpo", "srpo"])
def test_a_critic_may_ask_who_is_trained_before_it(objective: str, catalogue: Catalogue) -> None:
    assert _problems(catalogue, f"objective={objective}", "critic=in-sample-softmax") == ()


@pytest.mark.parametrize("objective", ["sfbc", "qgpo"])
def test_a_critic_may_ask_what_a_behaviour_would_do_that_acts(
    objective: str, catalogue: Catalogue
) -> None:
    assert _problems(catalogue, f"objective={objective}", "critic=double-q") == ()


@pytest.mark.parametrize("objective", ["gtp", "diffusion-ql", "fql", "td3-bc", "idql"])
def test_what_trains_together_may_ask_for_each_other(objective: str, catalogue: Catalogue) -> None:
    assert _problems(catalogue, f"objective={objective}", "critic=double-q") == ()


def test_a_role_that_a_stage_only_copies_is_there_from_then_on(fakes: Catalogue) -> None:
    assert _problems(fakes, "objective=early") == (
        "early asks for 'student' in stage 'first' of early, which trains it later",
    )
    assert _problems(fakes, "objective=copying") == ()


def test_what_never_trains_is_not_said_to_train_later(fakes: Catalogue) -> None:
    problems = [
        *_problems(fakes, "objective=demanding"),
        *_problems(fakes, "objective=gmpo", "objective.critic_steps=0"),
    ]
    assert problems
    assert not any("later" in problem for problem in problems)


def test_an_inference_that_needs_a_critic_is_refused_where_none_trains(fakes: Catalogue) -> None:
    assert _problems(fakes, "objective=bc", "inference=best") == (
        "inference 'best' needs a critic, and 'bc' trains none; take an objective with a critic, "
        "or inference=sample",
    )
    assert _problems(fakes, "objective=gmpo", "inference=best") == ()


def test_an_inference_may_need_any_role_that_the_objective_has(fakes: Catalogue) -> None:
    assert _problems(fakes, "objective=gmpg", "inference=advised") == ()
    assert _problems(fakes, "objective=gmpo", "inference=advised") == (
        "advised asks for 'behaviour', and 'gmpo' has no such role",
    )


def test_a_critic_that_needs_a_role_nobody_has_is_refused(fakes: Catalogue) -> None:
    assert _problems(fakes, "objective=gmpo", "critic=wishful")[-1] == (
        "wishful asks for 'adviser', and 'gmpo' has no such role"
    )


def test_an_objective_that_asks_for_a_critic_and_trains_none_is_refused(fakes: Catalogue) -> None:
    problems = _problems(fakes, "objective=demanding")
    assert "demanding needs a critic and trains it for no step at all" in problems


def test_a_role_that_no_stage_trains_is_refused(fakes: Catalogue) -> None:
    assert _problems(fakes, "objective=demanding")[0] == (
        "demanding asks for 'student', and no stage trains it; there are: policy"
    )


@pytest.mark.parametrize(
    "options",
    [
        ("objective=gmpo", "objective.policy_steps=0"),
        ("objective=gmpg", "objective.policy_steps=0"),
        ("objective=gmpg", "objective.behaviour_steps=0"),
    ],
)
def test_a_role_that_never_trains_is_refused(options: tuple[str, str], fakes: Catalogue) -> None:
    objective, role = (options[0].partition("=")[2], options[1][10:].partition("_")[0])
    assert _problems(fakes, *options)[0] == (
        f"{objective} trains {role!r} for no step at all; raise the steps of its stage"
    )


def test_a_critic_that_never_trains_is_refused(fakes: Catalogue) -> None:
    assert _problems(fakes, "objective=gmpo", "objective.critic_steps=0") == (
        "gmpo needs a critic and trains it for no step at all",
    )


def test_a_loss_is_given_no_noise(fakes: Catalogue) -> None:
    (problem,) = _problems(fakes, "objective=noisy")
    assert problem.startswith("noisy asks for 'noise', and no stage trains it")


def test_each_role_is_checked_against_its_own_parts(fakes: Catalogue) -> None:
    assert _problems(fakes, "objective=distilled") == ()
    (problem,) = _problems(fakes, "objective=distilled", "student.solver=rk4")
    assert problem.startswith(
        "rk4 needs a backbone in the role of 'student' that knows its velocity (VelocityBackbone)"
    )
    assert "'jumper' is only one that jumps" in problem


def test_copies_need_the_same_backbone_and_network_with_the_same_options(fakes: Catalogue) -> None:
    sentence = "copied starts 'student' from the weights of 'policy', so both need the same {} with"
    assert _problems(fakes, "objective=copied")[0].startswith(sentence.format("backbone"))
    alike = ("objective=copied", "backbone=jumper")
    assert _problems(fakes, *alike) == ()
    assert _problems(fakes, *alike, "student.backbone=jumper", "student.backbone.stretch=2")
    assert _problems(fakes, "objective=gmpg", "behaviour.network=mlp")[0].startswith(
        "gmpg starts 'policy' from the weights of 'behaviour', so both need the same network"
    )


def test_broken_parts_do_not_disturb_the_list_of_fitting_ones(fakes: Catalogue) -> None:
    """Four backbones of the plugin do not say what they build; none is offered."""
    (problem,) = _problems(fakes, "objective=bc", "solver=hop")
    assert problem.endswith("fitting: trajectory, shortcut, mean-flow, bidirectional, jumper")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ("objective=unannotated",),
            "unannotated: argument 'policy' of Unannotated.policy_loss has no annotation, so "
            "nobody knows what it needs; annotate it with an ability such as VelocityBackbone",
        ),
        (
            ("objective=lossless",),
            "objective lossless trains 'policy' but defines no method 'policy_loss'",
        ),
        (
            ("objective=bc", "backbone=silent"),
            "Silent.build does not say which class it returns; annotate it",
        ),
        (
            ("objective=bc", "backbone=mistaken"),
            "Mistaken.build is annotated to return int, which is no Backbone",
        ),
        (
            ("objective=bc", "backbone=furtive"),
            "Furtive.build: the annotations of Furtive.build cannot be read (name 'GVPPath' is not "
            "defined); import what they name at run time, not only under TYPE_CHECKING",
        ),
        (
            ("objective=bc", "solver=unable"),
            "unable defines no method 'sample', and cannot work without it",
        ),
        (
            ("objective=bc", "inference=motionless"),
            "Motionless defines no method 'act', and cannot work without it",
        ),
    ],
)
def test_parts_that_do_not_say_what_they_need_or_provide_are_broken(
    arguments: tuple[str, ...], sentence: str, fakes: Catalogue
) -> None:
    with pytest.raises(BrokenPartError) as caught:
        _problems(fakes, *arguments)
    assert str(caught.value) == sentence


def test_an_option_that_the_part_itself_refuses_is_no_question_of_fit(fakes: Catalogue) -> None:
    with pytest.raises(OptionError, match="gvp keeps none"):
        _problems(fakes, "backbone=diffusion", "backbone.path=gvp", "backbone.head=noise")


def test_a_need_may_be_met_in_any_of_several_ways() -> None:
    from genpolicy.backbone import FlowMapBackbone, VelocityBackbone
    from genpolicy_plugins.backbones.flow import Flow

    def loss(self: object, policy: VelocityBackbone | FlowMapBackbone) -> None: ...

    (need,) = needs_of(loss, "mine", LOSS)
    assert need.met_by(provided_class(Flow))
    assert need.in_words() == (
        "knows its velocity (VelocityBackbone) or jumps from any time to a later one "
        "(FlowMapBackbone)"
    )


def test_an_option_may_ask_for_more_than_the_signature(catalogue: Catalogue) -> None:
    assert _problems(catalogue, "objective=bc", "backbone=one-step", "solver=jump") == ()
    (problem,) = _problems(catalogue, "objective=bc", "backbone=one-step", "solver=jump:2")
    assert problem == (
        "jump needs a backbone that jumps to a sample from any time (ConsistencyBackbone), but "
        "'one-step' is only one that sends noise straight to a sample; fitting: consistency, "
        "trajectory, shortcut, mean-flow, bidirectional"
    )


@pytest.mark.parametrize("solver", ["euler", "torchdiffeq:rk4"])
def test_a_grid_of_noise_levels_still_needs_a_velocity(catalogue: Catalogue, solver: str) -> None:
    parts = ("objective=bc", "backbone=consistency", f"solver={solver}", "solver.grid=karras")
    (problem,) = _problems(catalogue, *parts)
    assert (
        "needs a backbone that knows its velocity (VelocityBackbone), but 'consistency'" in problem
    )


def test_a_solver_for_acting_alone_need_not_suit_the_losses(fakes: Catalogue) -> None:
    """Gmpg trains through a velocity; once it has, whatever serves the backbone may draw."""
    jumping = ("objective=gmpg", "backbone=jumper", "solver=hop")
    recipe = resolve(fakes, [from_arguments(jumping)], recipe="none")
    with pytest.raises(FitError):
        check_fit(recipe, fakes)
    check_solver(recipe, "policy", fakes)


def test_a_solver_that_cannot_serve_the_backbone_is_refused(fakes: Catalogue) -> None:
    recipe = resolve(fakes, [from_arguments(("objective=bc", "solver=hop"))], recipe="none")
    with pytest.raises(FitError, match=r"^hop needs a backbone that .*, but 'flow' is only one"):
        check_solver(recipe, "policy", fakes)
