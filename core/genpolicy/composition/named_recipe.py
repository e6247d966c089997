"""A named recipe as its TOML file says it: settings, where they come from, what data they are for.

::

    summary = "one line for listings"   # first, since it is read whenever parts are listed
    source = "who published these settings, and where"
    departs = ["what here is not as in the source, and why", …]
    [settings]                          # values of slot.option
    [when.gmpo]                         # more of them, where that objective is used
    [tasks.hopper-medium]               # makes the file one recipe per task
    data = "what these settings were published for"
    transitions = 999_906               # how many those are,
    epochs = { policy = 10_000 }        # and how often they were gone through
    settings.objective.beta = 16.0      # over those above; source, departs and when likewise
"""

import functools
import tomllib
from collections.abc import Mapping
from typing import Any, Final

import attrs

from genpolicy.composition.layers import Layer, flatten
from genpolicy.discovery import Catalogue, PartEntry
from genpolicy.errors import BrokenPartError, did_you_mean

_BOTH: Final = {"source": str, "departs": list, "settings": Mapping, "when": Mapping}
_FILE: Final = {"summary": str, "tasks": Mapping, **_BOTH}
_TASK: Final = {"data": str, "transitions": int, "epochs": Mapping, **_BOTH}


@attrs.frozen(kw_only=True)
class NamedRecipe:
    """Settings that have a name.

    Args:
        name: The shortest name that finds it.
        source: Who published the settings, and where; ``""`` if nobody says.
        departs: In what they are not as published, and why, one sentence each.
        data: The data that they were published for; ``""`` for any.
        transitions: How many transitions those data have, if that is said.
        epochs: How often each role's stage went through them, where steps were computed from it.
        settings: Values by ``slot`` or ``slot.option``.
        when: More of them, by the objective that they hold for.
    """

    name: str
    source: str = ""
    departs: tuple[str, ...] = ()
    data: str = ""
    transitions: int | None = None
    epochs: Mapping[str, int] = attrs.field(factory=dict)
    settings: Mapping[str, Any] = attrs.field(factory=dict)
    when: Mapping[str, Mapping[str, Any]] = attrs.field(factory=dict)

    @property
    def objective(self) -> str | None:
        """The objective that it names."""
        return self._named("objective")

    @property
    def dataset(self) -> str | None:
        """The dataset that it names."""
        return self._named("dataset")

    def layer(self, objective: str | None, default: str) -> tuple[str, Layer]:
        """Return the objective that is used, and the settings that hold with it.

        Args:
            objective: The objective that the user named; ``None`` for the recipe's own.
            default: The objective where neither names one.
        """
        values, own = dict(self.settings), self.objective or default
        used = objective or own
        if used != own:
            values["objective"] = used  # so that its options are known to be meant for it
            if self.objective is not None:
                values = {key: values[key] for key in values if not key.startswith("objective.")}
        values |= self.when.get(used, {})
        return used, Layer(f"recipe {self.name}", values)

    def _named(self, slot: str) -> str | None:
        name = self.settings.get(slot) or self.settings.get(f"{slot}.name")
        return None if name is None else str(name)


def read_recipe(catalogue: Catalogue, entry: PartEntry) -> NamedRecipe:
    """Read a part of kind ``recipe``.

    Raises:
        BrokenPartError: The file cannot be read, is no TOML, or says what no recipe says.
    """
    who, _, task = entry.spec.target.partition("#")
    table = _parsed(catalogue.read(entry), who)
    tasks = table.get("tasks", {})
    if bool(task) != bool(tasks) or (task and task not in tasks):
        raise BrokenPartError(f"recipe {entry.full_name}: {who} has no {_place(task, tasks)}")
    own = tasks[task] if task else {}
    return NamedRecipe(
        name=catalogue.short_name(entry),
        source=own.get("source", table.get("source", "")),
        departs=(*table.get("departs", ()), *own.get("departs", ())),
        data=own.get("data", ""),
        transitions=own.get("transitions"),
        epochs=own.get("epochs", {}),
        settings=_flat(table, own, "settings"),
        when={
            objective: _flat(table.get("when", {}), own.get("when", {}), objective)
            for objective in (*table.get("when", {}), *own.get("when", {}))
        },
    )


@functools.lru_cache(maxsize=64)
def _parsed(text: str, who: str) -> dict[str, Any]:
    """Parse a file, which may hold many recipes, once."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BrokenPartError(f"{who} is not valid TOML: {error}") from error
    _check(table, _FILE, who)
    for name, task in table.get("tasks", {}).items():
        _check(task, _TASK, f"{who}, task {name},")
    return table


def _check(table: Any, known: Mapping[str, type], who: str) -> None:
    if not isinstance(table, Mapping):
        raise BrokenPartError(f"{who} must be a table; got {table!r}")
    for key, value in table.items():
        if key not in known:
            raise BrokenPartError(f"{who} has no place for {key!r}{did_you_mean(key, [*known])}")
        if not isinstance(value, known[key]):
            kind = "table" if known[key] is Mapping else known[key].__name__
            raise BrokenPartError(f"{who} says {key} = {value!r}, where a {kind} belongs")


def _place(task: str, tasks: Mapping[str, Any]) -> str:
    if task:
        return f"task {task!r}{did_you_mean(task, [*tasks])}"
    return "recipe without a task: its target must end in #TASK, as recipe_specs makes it"


def _flat(common: Mapping[str, Any], own: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {**flatten(common.get(key, {})), **flatten(own.get(key, {}))}
