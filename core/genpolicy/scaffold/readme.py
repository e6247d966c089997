"""The README of a new distribution: what it is, and how to use, check and publish it."""

from typing import Final

from genpolicy.scaffold.names import Names
from genpolicy.scaffold.templates import plugin

_TEXT: Final = """\
# {distribution}

Parts for genpolicy, generative-policy agents for offline reinforcement learning:

| kind | name | is |
|---|---|---|
{table}

```
pip install {distribution}
{run}
```

`agent list` shows its parts, `{info}` the options of one.

## Working on it

```
pip install -e '.[test]'
pytest
agent plugins check .
```

Both run genpolicy's conformance suites on every part: `pytest` as the tests in `tests/`, the other
as one line per check, with what failed and why it matters. `agent plugins doctor` says what is
wrong with a part that does not show up.

## Publishing it

Raise `version` in `pyproject.toml`, then

```
pip install build twine
python -m build
twine check dist/*
twine upload dist/*
```

Whoever installs it has its parts by name; the keyword `genpolicy` is how people find it. Runs
record its version, so a released version never changes. When a new genpolicy comes out, run the
tests with it and raise the bound in `dependencies`.
"""


def readme(names: Names, kinds: tuple[str, ...], in_full: tuple[str, ...]) -> str:
    """Return its text.

    Args:
        names: What things are called.
        kinds: The kinds of its parts.
        in_full: The kinds whose parts users must name in full.
    """
    typed = {kind: names.full_name if kind in in_full else names.part for kind in kinds}
    return _TEXT.format(
        distribution=names.distribution,
        table="\n".join(f"| {kind} | `{typed[kind]}` | {_summary(kind)} |" for kind in kinds),
        run=run_command(typed),
        info=f"agent info {kinds[0]} {typed[kinds[0]]}",
    )


def run_command(typed: dict[str, str]) -> str:
    """Return the command that trains an agent of these parts, names by kind."""
    return " ".join(["agent run", *(f"--{kind} {name}" for kind, name in typed.items())])


def _summary(kind: str) -> str:
    (spec,) = getattr(plugin, f"genpolicy_{kind}s")()
    return str(spec.summary)
