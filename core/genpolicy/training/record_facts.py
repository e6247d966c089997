"""Evaluations as JSON values and back, for checkpoints."""

from collections.abc import Mapping
from typing import Any

import attrs

from genpolicy.records import EpisodeRecord, EvaluationRecord


def record_as_json(record: EvaluationRecord) -> dict[str, Any]:
    """Return an evaluation as JSON values."""
    return attrs.asdict(record)


def record_from_json(facts: Mapping[str, Any]) -> EvaluationRecord:
    """Return the evaluation that :func:`record_as_json` wrote down."""
    episodes = tuple(EpisodeRecord(**episode) for episode in facts["episodes"])
    return EvaluationRecord(**{**facts, "episodes": episodes})
