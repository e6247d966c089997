"""What our trackers show, by names that are the same in all of them."""

import json
from typing import Any, Final

from genpolicy.recipe_settings import flat
from genpolicy.records import EvaluationRecord, RunStart

Plain = str | int | float | bool

_PLACES: Final = {None: "look", "offline": "offline"}


def scores_of(record: EvaluationRecord) -> dict[str, float]:
    """Return an evaluation as numbers.

    ``evaluation/score`` with ``_low`` and ``_high``, the ends of its 95 % interval, or
    ``evaluation/return`` where there is no score; and ``evaluation/success``, the share of solved
    episodes, where the environment tells. A look's begin with ``look/``: it has fewer episodes;
    those of the score with which a run went online begin with ``offline/``.
    """
    place = _PLACES.get(record.selection, "evaluation")
    name, found = "score", record.score
    if found is None:
        name, found = "return", record.return_
    values = {name: found.mean, f"{name}_low": found.low, f"{name}_high": found.high}
    if record.success is not None:
        values["success"] = record.success.mean
    return {f"{place}/{name}": value for name, value in values.items()}


def settings_of(run: RunStart) -> dict[str, Plain]:
    """Return a run's recipe, flat, by the names that a user types, and what else tells it apart."""
    values = {
        **flat(run.recipe),
        "seed": run.seed,
        "recipe_hash": run.recipe_hash,
        "fingerprint": run.dataset.fingerprint,
        "device": run.device,
    }
    return {key: _plain(value) for key, value in values.items() if value is not None}


def _plain(value: Any) -> Plain:
    return value if isinstance(value, str | int | float) else json.dumps(value)
