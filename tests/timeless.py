"""What a registry tells of a run, but for when it happened."""

from pathlib import Path
from typing import Any

import attrs

from genpolicy.registry import RunDetail
from genpolicy.training.compiling import COMPILED, EAGER

TIMES = ("created", "started", "finished", "heartbeat", "seconds")


def timeless(detail: RunDetail) -> dict[str, Any]:
    """Return all that is told of a run without times and without where its folder is.

    Whether a stage is compiled tells of times too.
    """
    folder = Path(detail.start.directory)
    told = attrs.asdict(detail, filter=lambda field, _: field.name not in (*TIMES, "time"))
    told["start"]["directory"] = "."
    for artifact in told["artifacts"]:
        artifact["path"] = str(Path(artifact["path"]).relative_to(folder))
    for event in told["events"]:
        if event["kind"] in (COMPILED, EAGER):
            event["message"] = event["message"].partition(": ")[0]
    return told
