"""From layers of settings to the recipe of an agent."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar, cast

import attrs

from genpolicy.backbone import BackboneRecipe, VelocityBackbone
from genpolicy.composition.agent_recipe import BASES, ROLE_KINDS, AgentRecipe, Chosen
from genpolicy.composition.base_layers import base_layers
from genpolicy.composition.choosing import choose_part, split_name
from genpolicy.composition.contract import (
    SAMPLE,
    method_of,
    needs_of,
    provided_class,
)
from genpolicy.composition.layers import Layer
from genpolicy.composition.losses import asks_for_critic, loss_needs, roles_of
from genpolicy.conversion import convert
from genpolicy.discovery import Catalogue
from genpolicy.errors import OptionError, PartError, did_you_mean
from genpolicy.evaluation.protocol import TELLING, Protocol, check_looks, protocol_options
from genpolicy.inference import Inference
from genpolicy.objective import Objective
from genpolicy.recipe import Recipe, make_recipe, recipe_values
from genpolicy.solver import Solver
from genpolicy.training.options import TrainOptions

R = TypeVar("R", bound=Recipe)

SECTIONS: Final = ("train", "evaluation")
"""Slots that hold options but name no part."""


def resolve(
    catalogue: Catalogue,
    layers: Sequence[Layer],
    *,
    recipe: str | None = None,
    seed: int | None = None,
) -> AgentRecipe:
    """Return the recipe that settings describe.

    Args:
        catalogue: The installed parts.
        layers: Settings, the later over the earlier.
        recipe: A named recipe to start from; ``None`` for the dataset's own, ``"none"`` for the
            parts' own defaults.
        seed: The seed of the run; ``None`` for the settings' ``seed``, else 0.

    Raises:
        OptionError: A slot or an option is unknown, or a value does not fit.
        UnknownPartError: Nobody provides a part that is named.
        BrokenPartError: A part that is named cannot be loaded.
    """
    base = base_layers(catalogue, layers, recipe)
    return _Resolution(catalogue, [*base, *layers], given=len(base)).run(seed)


@attrs.frozen
class _Setting:
    value: Any
    origin: str
    rank: int


class _Resolution:
    """The work of one call to :func:`resolve`."""

    def __init__(self, catalogue: Catalogue, layers: Sequence[Layer], given: int) -> None:
        self.catalogue = catalogue
        self.given = given  # layers from this rank on are the user's own
        self.choices: dict[str, list[_Setting]] = defaultdict(list)
        self.options: dict[str, dict[str, list[_Setting]]] = defaultdict(lambda: defaultdict(list))
        self.seed = 0
        self.chosen: dict[str, Chosen] = {}
        self.origins: dict[str, str] = {}
        for rank, layer in enumerate(layers):
            for key, value in layer.values.items():
                self._sort_in(key, _Setting(value, layer.origin, rank))

    def run(self, seed: int | None) -> AgentRecipe:
        self._choose("dataset")
        self._choose("objective")
        self._choose_policy()
        self._choose("inference")
        self._choose_roles()
        if asks_for_critic(
            self._recipe("objective", Objective), self._recipe("inference", Inference)
        ):
            self._choose("critic")
        train = make_recipe(TrainOptions, self._section("train"), who="train")
        evaluation = make_recipe(Protocol, self._evaluation(), who="evaluation")
        check_looks(evaluation, train.looks)
        self._refuse_leftovers()
        return AgentRecipe(
            chosen=self.chosen,
            train=train,
            evaluation=evaluation,
            seed=self.seed if seed is None else seed,
            origins=self.origins,
        )

    def _sort_in(self, key: str, setting: _Setting) -> None:
        if key == "seed":
            self.seed = convert(setting.value, int, who="seed")
            return
        head, _, last = key.rpartition(".")
        if key.split(".")[-1] in BASES:
            self.choices[key].append(setting)
        elif last == "name" and head.split(".")[-1] in BASES:
            self.choices[head].append(setting)
        elif head.split(".")[-1] in (*BASES, *SECTIONS):
            self.options[head][last].append(setting)
        else:
            kind = (head or key).split(".")[-1]
            hint = did_you_mean(kind, [*BASES, *SECTIONS])
            raise OptionError(f"{setting.origin}: there is no kind {kind!r}{hint}")

    def _choose_policy(self) -> None:
        self._choose("backbone")
        self._choose("network")
        backbone = self._recipe("backbone", BackboneRecipe)
        asked = self._asked_for_solver()
        self._choose("solver", fallback=backbone.default_solver)
        if not asked and not self._moves(backbone):
            self._replace_solver(backbone.default_solver)
        known = issubclass(provided_class(type(backbone)), VelocityBackbone)
        if known and not asked and not self._serves_losses():
            self._replace_solver(BackboneRecipe.default_solver)

    def _replace_solver(self, name: str) -> None:
        """Choose another solver than the one in effect, as if it came with the backbone."""
        for key in [key for key in self.origins if key.partition(".")[0] == "solver"]:
            del self.origins[key]
        rank = self.choices["backbone"][-1].rank
        self.choices["solver"].append(_Setting(name, "default", rank))
        self._choose("solver")

    def _asked_for_solver(self) -> bool:
        """Return whether the solver was named for this backbone, not for one that it replaced."""
        named = self.choices.get("solver")
        return named is not None and named[-1].rank >= self.choices["backbone"][-1].rank

    def _moves(self, backbone: BackboneRecipe) -> bool:
        """Return whether the solver can serve the policy's backbone."""
        solver, provided = self._recipe("solver", Solver), provided_class(type(backbone))
        needs = needs_of(method_of(solver, "sample", "solver"), "solver", SAMPLE)
        return all(need.met_by(provided) for need in needs)

    def _serves_losses(self) -> bool:
        """Return whether the solver is what the objective's losses ask for."""
        objective = self._recipe("objective", Objective)
        who = self.chosen["objective"].name
        asked = [need for need in loss_needs(objective, who) if need.argument == "solver"]
        return all(need.met_by(type(self._recipe("solver", Solver))) for need in asked)

    def _choose_roles(self) -> None:
        objective = self._recipe("objective", Objective)
        for role in roles_of(objective, self.chosen["objective"].name):
            if role == "policy":
                continue
            if f"{role}.backbone" in self.choices:
                self._choose(f"{role}.backbone")
                backbone = self._recipe(f"{role}.backbone", BackboneRecipe)
                self._choose(f"{role}.solver", fallback=backbone.default_solver)
            for kind in ROLE_KINDS:
                slot = f"{role}.{kind}"
                if slot not in self.chosen and self._mentioned(slot):
                    self._choose_like(slot, self.chosen[kind])

    def _mentioned(self, slot: str) -> bool:
        return slot in self.choices or slot in self.options

    def _choose(self, slot: str, fallback: str | None = None) -> None:
        settings = self.choices.get(slot)
        name = settings[-1].value if settings else fallback
        if not isinstance(name, str):
            raise OptionError(f"{slot} names a part; got {name!r}")
        meant, argument = self._meant_for(slot, name), self._argument_of(slot, name)
        if settings:
            self.origins[slot] = settings[-1].origin
            if argument and (argument not in meant or meant[argument].rank < settings[-1].rank):
                meant.pop(argument, None)  # a part named with its argument, over a lower layer's
                self.origins[f"{slot}.{argument}"] = settings[-1].origin
        self.origins |= {f"{slot}.{option}": given.origin for option, given in meant.items()}
        options = {option: given.value for option, given in meant.items()}
        self.chosen[slot] = choose_part(self.catalogue, slot, name, options)

    def _choose_like(self, slot: str, policys: Chosen) -> None:
        """Choose a role's part; one that is not named is the policy's, with its options."""
        if slot not in self.choices:
            for option, value in recipe_values(policys.recipe).items():
                self.options[slot][option].insert(0, _Setting(value, "the policy's", 0))
        self._choose(slot, fallback=policys.entry.full_name)

    def _argument_of(self, slot: str, name: str) -> str | None:
        """Return the option that what stands after a name's colon fills in, if anything does."""
        bare, given = split_name(name)
        if given is None:
            return None
        kind = slot.split(".")[-1]
        return self.catalogue.load(self.catalogue.find(kind, bare), BASES[kind]).argument

    def _meant_for(self, slot: str, name: str) -> dict[str, _Setting]:
        """Return the options meant for the part called ``name``.

        A layer that sets options for the part in effect there means that part and no other, but for
        options that mean any part of the kind.
        """
        meant, shared = {}, BASES[slot.split(".")[-1]].shared
        for option, settings in self.options.get(slot, {}).items():
            for setting in settings:
                in_effect = [c.value for c in self.choices.get(slot, ()) if c.rank <= setting.rank]
                any_part = not in_effect or option in shared
                if any_part or self._same_part(slot, str(in_effect[-1]), name):
                    meant[option] = setting
        return meant

    def _same_part(self, slot: str, one: str, other: str) -> bool:
        first, second = split_name(one)[0], split_name(other)[0]
        if first == second:
            return True
        kind = slot.split(".")[-1]
        try:
            return self.catalogue.find(kind, first) == self.catalogue.find(kind, second)
        except PartError:  # what a higher layer replaced need not be installed
            return False

    def _section(self, slot: str) -> dict[str, Any]:
        section = self.options.get(slot, {})
        for option, settings in section.items():
            self.origins[f"{slot}.{option}"] = settings[-1].origin
        return {option: settings[-1].value for option, settings in section.items()}

    def _evaluation(self) -> dict[str, Any]:
        """Return the options of the protocol; one that is named brings its own.

        They lie over what a lower layer set, which was meant for another protocol.
        """
        section = self.options["evaluation"]
        if "name" not in section:
            return self._section("evaluation")
        named = section["name"][-1]
        brought = protocol_options(named.value)
        for option in TELLING:
            given = [each for each in section.pop(option, ()) if each.rank >= named.rank]
            if given:
                section[option] = given
            elif option in brought:
                section[option] = [_Setting(brought[option], f"protocol {named.value}", named.rank)]
        return self._section("evaluation")

    def _recipe(self, slot: str, base: Callable[..., R]) -> R:
        recipe = self.chosen[slot].recipe
        assert isinstance(recipe, cast(type[R], base))
        return recipe

    def _refuse_leftovers(self) -> None:
        """Refuse what the user set for a slot that this agent does not have."""
        for slot in [*self.choices, *self.options]:
            if slot in self.chosen or slot in SECTIONS or not self._is_given(slot):
                continue
            objective = self.chosen["objective"].name
            if slot == "critic":
                raise OptionError(f"{objective} uses no critic; leave it out")
            roles = [f"{r}.{kind}" for r in self._roles() for kind in ROLE_KINDS]
            known = [*self.chosen, *SECTIONS, *roles]
            raise OptionError(f"{objective} has no place for {slot!r}{did_you_mean(slot, known)}")

    def _roles(self) -> list[str]:
        objective = self._recipe("objective", Objective)
        roles = roles_of(objective, self.chosen["objective"].name)
        return [role for role in roles if role != "policy"]

    def _is_given(self, slot: str) -> bool:
        settings = [*self.choices.get(slot, ())]
        for option in self.options.get(slot, {}).values():
            settings += option
        return any(setting.rank >= self.given for setting in settings)
