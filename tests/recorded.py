"""Made-up runs for a registry, as they are recorded, without training any."""

from collections.abc import Mapping, Sequence
from typing import Any

from genpolicy.records import (
    DatasetRecord,
    EpisodeRecord,
    EvaluationRecord,
    PartRecord,
    RunStart,
)
from genpolicy.registry import Registry

PARTS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "dataset": ("genpolicy/pointmaze/umaze", {"chunk": 1}),
    "objective": ("genpolicy/gmpg", {"beta": 2.0, "steps": 100}),
    "backbone": ("genpolicy/flow", {"sigma": 0.1}),
    "network": ("genpolicy/mlp", {"hidden": [8, 8]}),
}


def run_start(
    id: str, parts: Mapping[str, tuple[str, Mapping[str, Any]]] | None = None, **changes: Any
) -> RunStart:
    """Return what is known of a run at its start; ``parts`` replace those of :data:`PARTS`."""
    chosen = {**PARTS, **(parts or {})}
    fields: dict[str, Any] = {
        "seed": 0,
        "recipe": {
            "parts": {k: {"name": n, "options": {**o}} for k, (n, o) in chosen.items()},
            "train": {"looks": 2},
            "evaluation": {"episodes": 2},
        },
        "recipe_hash": "cd" * 32,
        "origins": {"objective.beta": "command line"},
        "parts": tuple(_part(slot, name, options) for slot, (name, options) in chosen.items()),
        "dataset": DatasetRecord(
            name="pointmaze/umaze", fingerprint="ef" * 32, transitions=1000, episodes=10
        ),
        "directory": f"/nowhere/{id}",
        "device": "cpu",
        "versions": {"python": "3.11.9", "torch": "2.13.0"},
        "host": {"name": "here", "processors": 2},
    }
    return RunStart(id=id, **{**fields, **changes})


def evaluation(
    returns: Sequence[float], *, selection: str | None = "last", first_seed: int = 0, **changes: Any
) -> EvaluationRecord:
    """Return an evaluation whose scores are its returns, each solved that is above 0."""
    fields: dict[str, Any] = {
        "stage": "policy",
        "step": 100,
        "protocol": "default" if selection else "default-look",
        "environment": {"id": "PointMaze_UMaze-v3"},
        "seed": 5,
        "random_return": 0.0,
        "expert_return": 100.0,
    }
    episodes = tuple(
        EpisodeRecord(
            return_=value,
            length=300,
            success=value > 0,
            steps_to_success=20 if value > 0 else None,
            seed=first_seed + place,
        )
        for place, value in enumerate(returns)
    )
    return EvaluationRecord(episodes=episodes, **{**fields, "selection": selection, **changes})


def record(registry: Registry, run: RunStart, *evaluations: EvaluationRecord) -> None:
    """Record a finished run."""
    writer = registry.start(run)
    for each in evaluations:
        writer.on_evaluation(each)
    writer.finish("finished")


def _part(slot: str, name: str, options: Mapping[str, Any]) -> PartRecord:
    return PartRecord(
        slot=slot,
        kind=slot,
        name=name,
        distribution=name.split("/")[0],
        version="1.0",
        source_hash="ab" * 32,
        options=options,
    )
