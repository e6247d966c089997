"""What tells two recorded runs apart: recipe, data, parts, versions, machine."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal

import attrs

from genpolicy.recipe_settings import flat
from genpolicy.records import PartRecord, RunStart

if TYPE_CHECKING:
    from genpolicy.registry import RunDetail

Aspect = Literal["run", "data", "recipe", "parts", "versions", "host"]

_SHORT: Final = 12


@attrs.frozen
class RunChange:
    """One thing that is not the same in two runs.

    Args:
        aspect: What it belongs to.
        what: Such as ``"objective.beta"``, ``"torch"`` or ``"backbone source"``.
        first: What the first run has; ``None`` where it has none.
        second: What the second run has.
    """

    aspect: Aspect
    what: str
    first: Any
    second: Any


def run_changes(first: "RunDetail", second: "RunDetail") -> list[RunChange]:
    """Return all that tells two runs apart, but for when they ran and what they came to.

    Args:
        first: A run.
        second: Another.
    """
    one, other = first.start, second.start
    found: list[RunChange] = [*_changed("run", {"state": first.state}, {"state": second.state})]
    found += _changed("run", _circumstances(one), _circumstances(other))
    found += _changed("data", _data(one), _data(other))
    found += _changed("recipe", flat(one.recipe), flat(other.recipe))
    found += _changed_parts(one, other)
    found += _changed("versions", one.versions, other.versions)
    found += _changed("host", one.host, other.host)
    return found


def not_comparable(first: "RunDetail", second: "RunDetail") -> str | None:
    """Return why two runs' scores do not compare, such as ``"another protocol"``, if they do not.

    Args:
        first: A run.
        second: Another.
    """
    one, other = first.final_evaluation, second.final_evaluation
    if one is None or other is None or not one.episodes or not other.episodes:
        return "not scored"
    if first.start.dataset.fingerprint != second.start.dataset.fingerprint:
        return "other data"
    if one.protocol != other.protocol:
        return "another protocol"
    if one.selection != other.selection:
        return "another selection"
    references = [(record.random_return, record.expert_return) for record in (one, other)]
    return "other reference returns" if references[0] != references[1] else None


def _changed(
    aspect: Aspect, first: Mapping[str, Any], second: Mapping[str, Any]
) -> Iterator[RunChange]:
    for what in dict.fromkeys([*first, *second]):
        before, after = first.get(what), second.get(what)
        if repr(before) != repr(after):  # NaN is no change
            yield RunChange(aspect, what, before, after)


def _circumstances(run: RunStart) -> dict[str, Any]:
    return {
        "seed": run.seed,
        "reference": run.reference,
        "device": run.device,
        "git commit": run.git_commit,
        "git changes": run.git_dirty,
    }


def _data(run: RunStart) -> dict[str, Any]:
    data = run.dataset
    return {
        "name": data.name,
        "fingerprint": data.fingerprint[:_SHORT],
        "transitions": data.transitions,
        "episodes": data.episodes,
    }


def _changed_parts(first: RunStart, second: RunStart) -> Iterator[RunChange]:
    """Tell of parts that both runs have; another part in a slot is told as the recipe's."""
    known = {(part.slot, part.name): part for part in first.parts}
    for part in second.parts:
        before = known.get((part.slot, part.name))
        if before is not None:
            yield from _changed("parts", _origin(before), _origin(part))


def _origin(part: PartRecord) -> dict[str, Any]:
    return {
        f"{part.slot} from": f"{part.distribution} {part.version}",
        f"{part.slot} source": part.source_hash[:_SHORT],
    }
