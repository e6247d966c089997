"""Whether parts go together, read from the annotations of their methods and said in words.

An argument's name says what is asked for and its annotation which ability that must have. A
backbone's or a critic's abilities are those of the class that its ``build`` is annotated to return.
"""

import inspect
import types
from collections.abc import Callable, Collection
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

import attrs

from genpolicy.backbone import Backbone, BackboneRecipe
from genpolicy.critic import Critic, CriticRecipe
from genpolicy.errors import BrokenPartError
from genpolicy.objective import Objective
from genpolicy.recipe import Recipe

LOSS: Final = frozenset({"batch"})
"""What the program itself gives to a loss."""

SAMPLE: Final = frozenset({"condition", "noise", "generator"})
"""What the program itself gives to a solver's ``sample``."""

ACT: Final = frozenset({"condition", "generator"})
"""What the program itself gives to an inference's ``act``."""

TARGET: Final = "target_"
"""What stands before a role's name where its slow copy is meant."""

POLICY: Final = "policy"
"""The role that critics, solvers and inferences speak of: whichever they serve."""


@attrs.frozen
class Need:
    """One part that a method asks for.

    Args:
        who: The name of the asking part, as a user types it.
        argument: What it is asked for as, such as ``"policy"``, ``"critic"``, ``"solver"``,
            ``"student_solver"`` or ``"target_policy"``.
        ability: The class that the part must be of; a union where any of several will do.
        serves: The role that goes by the name of ``policy`` there.
    """

    who: str
    argument: str
    ability: Any
    serves: str = POLICY

    @property
    def kind(self) -> str:
        """The kind of what is asked for: ``critic``, ``solver`` or, for a role, ``backbone``."""
        if self.argument == "critic":
            return "critic"
        is_solver = self.argument == "solver" or self.argument.endswith("_solver")
        return "solver" if is_solver else "backbone"

    @property
    def role(self) -> str:
        """The role that is asked for, or whose solver is."""
        name = self.argument.removeprefix(TARGET)
        if self.kind == "solver":
            name = name.removesuffix("solver").removesuffix("_") or POLICY
        return self.serves if name == POLICY else name

    @property
    def model(self) -> str | None:
        """The model by whose training the answer changes; ``None`` of a solver."""
        return {"critic": "critic", "solver": None}.get(self.kind, self.role)

    @property
    def is_target(self) -> bool:
        """Whether the role's slow copy is asked for."""
        return self.argument.startswith(TARGET)

    @property
    def classes(self) -> tuple[type, ...]:
        """The classes of which any one will do."""
        if get_origin(self.ability) in (Union, types.UnionType):
            return tuple(member for member in get_args(self.ability) if member is not type(None))
        return (self.ability,)

    def met_by(self, provided: type) -> bool:
        """Return whether a part of class ``provided`` will do."""
        return any(issubclass(provided, member) for member in self.classes)

    def in_words(self) -> str:
        """Return what is asked for, such as ``knows its velocity (VelocityBackbone)``."""
        return " or ".join(f"{ability_of(member)} ({member.__name__})" for member in self.classes)


def needs_of(
    method: Callable[..., Any], who: str, given: Collection[str], serves: str = POLICY
) -> list[Need]:
    """Return what a method asks for beside what the program gives it.

    Args:
        method: The method.
        who: The name of its part.
        given: The arguments that the program itself gives.
        serves: The role that goes by the name of ``policy`` there.

    Raises:
        BrokenPartError: An argument has no annotation, or one that cannot be read.
    """
    hints = annotations_of(method, who)
    arguments = [name for name in inspect.signature(method).parameters if name not in given]
    arguments = [name for name in arguments if name != "self"]
    for name in arguments:
        if name not in hints:
            raise BrokenPartError(
                f"{who}: argument {name!r} of {method.__qualname__} has no annotation, so nobody "
                "knows what it needs; annotate it with an ability such as VelocityBackbone"
            )
    asked = [Need(who, name, hints[name], serves) for name in arguments]
    further = [need for need in _further_needs(method, who, serves) if need.argument in arguments]
    return _narrowed(asked, further)


def _further_needs(method: Callable[..., Any], who: str, serves: str) -> list[Need]:
    """Return what the options of a method's part ask of the arguments in its signature."""
    owner = getattr(method, "__self__", None)
    further = owner.further_needs() if isinstance(owner, Recipe) else {}
    return [Need(who, name, ability, serves) for name, ability in further.items()]


def _narrowed(asked: list[Need], further: list[Need]) -> list[Need]:
    """Return all needs, but those that a further one of the same argument implies."""
    return further + [
        need
        for need in asked
        if not any(
            other.argument == need.argument and all(map(need.met_by, other.classes))
            for other in further
        )
    ]


def method_of(part: object, name: str, who: str) -> Callable[..., Any]:
    """Return a method that a part must have although no base class can declare its arguments.

    Raises:
        BrokenPartError: It has none.
    """
    method: Callable[..., Any] | None = getattr(part, name, None)
    if method is None:
        raise BrokenPartError(f"{who} defines no method {name!r}, and cannot work without it")
    return method


def loss_methods(objective: Objective, who: str) -> dict[str, Callable[..., Any]]:
    """Return an objective's loss methods by the role that they train.

    Raises:
        BrokenPartError: A stage trains a role for which there is no loss.
    """
    roles = {role for stage in objective.stages() for role in stage.learning_rates}
    methods = {}
    for role in sorted(roles - {"critic"}):
        method = getattr(objective, f"{role}_loss", None)
        if method is None:
            raise BrokenPartError(
                f"objective {who} trains {role!r} but defines no method '{role}_loss'"
            )
        methods[role] = method
    return methods


def trains_critic(objective: Objective) -> bool:
    """Return whether a stage of the objective trains a critic for at least a step."""
    return any("critic" in stage.learning_rates for stage in objective.stages() if stage.steps)


def builder_of(objective: Objective, role: str) -> Callable[..., Any] | None:
    """Return the objective's own ``build_<role>``, for a role that is no backbone."""
    builder: Callable[..., Any] | None = getattr(objective, f"build_{role}", None)
    return builder


def provided_class(recipe: type[Recipe]) -> type:
    """Return the class whose abilities a part of this recipe has.

    Raises:
        BrokenPartError: Its ``build`` does not say what it returns, or returns something else.
    """
    if not issubclass(recipe, (BackboneRecipe, CriticRecipe)):
        return recipe
    base = Backbone if issubclass(recipe, BackboneRecipe) else Critic
    return returned_class(recipe.build, base)


def returned_class(build: Callable[..., Any], base: type) -> type:
    """Return the class that a ``build`` method is annotated to return.

    Raises:
        BrokenPartError: It does not say so, or the class is no ``base``.
    """
    returned = annotations_of(build, build.__qualname__).get("return")
    if not isinstance(returned, type):
        raise BrokenPartError(
            f"{build.__qualname__} does not say which class it returns; annotate it"
        )
    if not issubclass(returned, base):
        raise BrokenPartError(
            f"{build.__qualname__} is annotated to return {returned.__name__}, which is no "
            f"{base.__name__}"
        )
    return returned


def annotations_of(method: Callable[..., Any], who: str) -> dict[str, Any]:
    """Return the annotations of a method by argument, and that of its result as ``return``.

    Raises:
        BrokenPartError: They cannot be read.
    """
    try:
        return get_type_hints(method)
    except NameError as error:
        raise BrokenPartError(
            f"{who}: the annotations of {method.__qualname__} cannot be read ({error}); import "
            "what they name at run time, not only under TYPE_CHECKING"
        ) from error


def ability_of(member: type) -> str:
    """Return what a part of a class can do, in words that follow "one that"."""
    return str(getattr(member, "ability", f"is a {member.__name__}"))
