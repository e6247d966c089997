"""``agent datasets info``."""

from typing import TYPE_CHECKING, Annotated, Any

from genpolicy_cli import flags
from genpolicy_cli.dataset_settings import Name, Settings, named_recipe, prepared
from genpolicy_cli.output import out, print_json
from genpolicy_cli.tables import facts
from genpolicy_cli.words import count, option_value

if TYPE_CHECKING:
    from genpolicy.dataset import Dataset, DatasetRecipe

_SHOWN = 6
"""The most numbers of a vector that a table tells one by one."""


def info(
    name: Name,
    settings: Settings = None,
    as_json: Annotated[bool, flags.AS_JSON] = False,
    plugin: flags.Files = None,
) -> None:
    """Tell what a dataset is, with its options as a run would use them."""
    recipe = named_recipe(name, settings or ())
    data = prepared(recipe, name)
    told = dataset_facts(data, recipe)
    if as_json:
        print_json(told)
    else:
        out().print(facts(_rows(data, told), title=f"dataset {data.name}"))


def dataset_facts(data: "Dataset", recipe: "DatasetRecipe") -> dict[str, Any]:
    """Return what a dataset is, as JSON values."""
    return {
        "name": data.name,
        "transitions": len(data),
        **_ends(data),
        "observation_shape": data.observation.shape[1:],
        "action_shape": data.action.shape[1:],
        "action_low": data.action_low.tolist(),
        "action_high": data.action_high.tolist(),
        "stride": data.stride,
        "environment": data.environment and data.environment.as_json(),
        "reference": data.reference,
        "fingerprint": data.fingerprint(),
        "options": _options(recipe),
        "units": data.units.as_json(),
        "bytes": _bytes(data),
    }


def _ends(data: "Dataset") -> dict[str, int]:
    """Return how episodes end; windows of several steps overlap, and count an end repeatedly."""
    if data.stride > 1:
        return {}
    return {
        "episodes": data.episodes,
        "terminals": int(data.terminal.sum()),
        "timeouts": int((data.timeout & ~data.terminal).sum()),
    }


def _options(recipe: "DatasetRecipe") -> dict[str, Any]:
    """Return the options that are no defaults."""
    from genpolicy.recipe import options_of, recipe_values

    defaults = {option.name: option.default for option in options_of(type(recipe)).values()}
    values = recipe_values(recipe)
    return {key: value for key, value in values.items() if value != defaults[key]}


def _bytes(data: "Dataset") -> int:
    names = ("observation", "action", "reward", "next_observation", "terminal", "timeout")
    return sum(getattr(data, name).nbytes for name in names)


def _rows(data: "Dataset", told: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the facts as people read them."""
    options = " ".join(f"dataset.{k}={option_value(v)}" for k, v in told["options"].items())
    return [
        ("transitions", f"{len(data):,}{_per_row(data)}"),
        *([("episodes", _episodes(told))] if "episodes" in told else []),
        ("observation", count(data.observation.shape[1], "number")),
        ("action", _action(data)),
        *_where(data),
        ("models see", _units(data)),
        ("options", options or "its defaults"),
        ("fingerprint", told["fingerprint"]),
        ("memory", f"{told['bytes'] / 2**20:,.1f} MiB"),
    ]


def _per_row(data: "Dataset") -> str:
    return f", each {data.stride} steps long" if data.stride > 1 else ""


def _episodes(told: dict[str, Any]) -> str:
    open_end = told["episodes"] - told["terminals"] - told["timeouts"]
    parts = [(told["terminals"], "ended"), (told["timeouts"], "cut"), (open_end, "unfinished")]
    return f"{told['episodes']:,}: " + ", ".join(f"{n:,} {how}" for n, how in parts if n)


def _action(data: "Dataset") -> str:
    *chunk, size = data.action.shape[1:]
    joined = " by ".join(map(str, chunk))
    length = f"{joined} in a row of " * bool(chunk) + count(size, "number")
    return f"{length}, from {_vector(data.action_low)} to {_vector(data.action_high)}"


def _vector(values: Any) -> str:
    flat = values.ravel().tolist()
    if len(set(flat)) == 1:
        return f"{flat[0]:g}"
    shown = ", ".join(f"{value:g}" for value in flat[:_SHOWN])
    return f"({shown}{', …' if len(flat) > _SHOWN else ''})"


def _where(data: "Dataset") -> list[tuple[str, str]]:
    """Return where agents are scored, and between which returns."""
    place, reference = data.environment, data.reference
    if place is None:
        return [("environment", "none: agents are not scored by playing; dataset.environment=ID")]
    rows = [("environment", place.id), ("horizon", count(place.horizon, "step"))]
    if place.kwargs:
        rows.append(("", ", ".join(f"{k}={option_value(v)}" for k, v in place.kwargs.items())))
    if place.note:
        rows.append(("", place.note))
    if place.observation_keys:
        rows.append(("", f"observes {', then '.join(place.observation_keys)}"))
    if reference is None:
        return [*rows, ("reference", "none: returns are not normalised")]
    ends = f"{reference.random_return:g} scores 0, {reference.expert_return:g} scores 100"
    return [*rows, ("reference", ends), ("", reference.source)]


def _units(data: "Dataset") -> str:
    seen = "standardised observations" if data.units.observation else "observations as they are"
    done = "actions from -1 to 1" if data.units.action else "actions as they are"
    return f"{seen}, {done}"
