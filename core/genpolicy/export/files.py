"""The files that an agent is exported to, and what they say of themselves."""

import importlib.metadata
import io
import json
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import torch

from genpolicy.agent import Agent
from genpolicy.errors import UsageError
from genpolicy.export.layout import Layout
from genpolicy.export.unrolled import Unrolled, unroll
from genpolicy.training.checkpoint import write_atomically

METADATA: Final = "genpolicy.json"
"""The extra file of a ``.pt2`` that holds its metadata; ONNX has a place of its own for them."""


def export(agent: Agent, path: Path | str, form: str) -> dict[str, Any]:
    """Write an agent as one graph.

    Args:
        agent: The agent, on the CPU.
        path: The file; one that is there is replaced.
        form: ``onnx`` or ``torch``.

    Returns:
        The file's metadata. ONNX holds each under its name, as JSON where it is no text; a ``.pt2``
        holds all as JSON in the extra file ``genpolicy.json``.

    Raises:
        UsageError: The agent is no fixed graph, there is no such form, what it takes is not
            installed, or the disk does not take the file.
    """
    if form not in FORMS:
        raise UsageError(f"agents are exported as {' or '.join(FORMS)}; got {form!r}")
    if form == "onnx":
        _check_installed()
    unrolled = unroll(agent)
    facts = _facts(agent, unrolled.layout)
    content = FORMS[form](unrolled, facts)
    try:
        write_atomically(Path(path), content)
    except OSError as error:
        raise UsageError(f"the agent cannot be written to {path}: {error}") from error
    return facts


def _torch(unrolled: Unrolled, facts: Mapping[str, Any]) -> bytes:
    file = io.BytesIO()
    torch.export.save(unrolled.program, file, extra_files={METADATA: json.dumps(facts)})
    return file.getvalue()


def _onnx(unrolled: Unrolled, facts: Mapping[str, Any]) -> bytes:
    with _quietly():
        made = torch.onnx.export(
            unrolled.program, dynamo=True, verbose=False, output_names=["action"]
        )
    assert made is not None
    texts = {key: x if isinstance(x, str) else json.dumps(x) for key, x in facts.items()}
    made.model.metadata_props.update(texts)
    content: bytes = made.model_proto.SerializeToString()
    return content


FORMS: Final[Mapping[str, Callable[[Unrolled, Mapping[str, Any]], bytes]]] = {
    "onnx": _onnx,
    "torch": _torch,
}
"""What an agent can be exported as: ONNX, or what ``torch.export.load`` reads."""


def _facts(agent: Agent, layout: Layout) -> dict[str, Any]:
    acting = agent.models.roles[agent.recipe.objective.acting_role]
    widths = {"noise": layout.width("normal"), "uniform": layout.width("uniform")}
    if not widths["uniform"]:
        del widths["uniform"]
    return {
        "genpolicy": importlib.metadata.version("genpolicy"),
        "run": agent.run,
        "inputs": {
            name: ["batch", width]
            for name, width in {"observation": agent.shapes.observation_dim, **widths}.items()
        },
        "output": {"action": ["batch", *agent.shapes.action_shape]},
        "draws": layout.as_json(),
        "prior_std": getattr(acting, "prior_std", None),
        "recipe": agent.recipe.as_json(),
    }


def _check_installed() -> None:
    missing = [name for name in ("onnx", "onnxscript") if find_spec(name) is None]
    if missing:
        raise UsageError(
            f"ONNX takes the package {missing[0]}, which is not installed: "
            "pip install 'genpolicy[onnx]'; or export with --format torch"
        )


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep what the exporter says of packages that are not its own to itself."""
    logger = logging.getLogger("torch.onnx")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)
