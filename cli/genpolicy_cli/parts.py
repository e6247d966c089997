"""``agent list`` and ``agent info``."""

import itertools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genpolicy_cli import completion, flags
from genpolicy_cli.installed import catalogue
from genpolicy_cli.named_recipe_view import recipe_facts, recipe_rows, recipe_text
from genpolicy_cli.output import out, print_json
from genpolicy_cli.tables import facts, listing
from genpolicy_cli.words import option_value

if TYPE_CHECKING:
    from genpolicy.composition.describe import Description
    from genpolicy.discovery import Catalogue, PartEntry

_Row = tuple[str, str, str, str]


def list_parts(
    kind: Annotated[
        str | None,
        typer.Argument(help="Only parts of this kind.", autocompletion=completion.kinds),
    ] = None,
    as_json: Annotated[bool, flags.AS_JSON] = False,
    plugin: flags.Files = None,
) -> None:
    """List the installed parts by kind."""
    from genpolicy.discovery import KINDS
    from genpolicy.errors import UsageError, did_you_mean

    if kind is not None and kind not in KINDS:
        raise UsageError(f"there is no kind of part called {kind!r}{did_you_mean(kind, KINDS)}")
    found = catalogue()
    entries = found.parts(kind)
    if as_json:
        print_json([_entry_facts(entry) for entry in entries])
        return
    rows = [
        (entry.kind, found.short_name(entry), entry.spec.summary, _provider(entry))
        for entry in entries
    ]
    shown = rows if kind is not None else [*_by_method(rows)]
    out().print(listing(("kind", "name", "summary", "from"), shown))


def _by_method(rows: Sequence[_Row]) -> Iterator[_Row]:
    """Yield rows, those of one method's recipes as one: there are hundreds of tasks."""
    for (kind, method), group in itertools.groupby(rows, lambda row: (row[0], _method_of(row))):
        own = list(group)
        if not method or len(own) == 1:
            yield from own
        else:
            tasks = f"for {len(own)} tasks; `agent recipes` lists them"
            yield kind, f"{method}/…", tasks, own[0][-1]


def _method_of(row: _Row) -> str:
    method, slash, _ = row[1].partition("/")
    return method if row[0] == "recipe" and slash else ""


def info(
    kind: Annotated[str, typer.Argument(help="A kind of part.", autocompletion=completion.kinds)],
    name: Annotated[
        str, typer.Argument(help="Its name.", autocompletion=completion.names_of_typed_kind)
    ],
    as_json: Annotated[bool, flags.AS_JSON] = False,
    plugin: flags.Files = None,
) -> None:
    """Tell what a part is: its options with defaults, what it needs and what it can do."""
    found = catalogue()
    entry = found.find(kind, name)
    if kind == "recipe":
        _show_recipe(found, entry, as_json=as_json)
        return
    from genpolicy.composition.describe import describe_part

    description = describe_part(found, entry)
    if as_json:
        print_json(_description_facts(description))
    else:
        _show(description)


def _show(description: "Description") -> None:
    import inspect

    entry = description.entry
    rows = [
        ("", entry.spec.summary),
        ("name", entry.full_name),
        ("from", _provider(entry)),
        ("class", entry.spec.target),
        ("file", inspect.getfile(description.recipe)),
    ]
    rows += [("can", ability) for ability in description.abilities]
    rows += [("needs", need) for need in description.needs]
    rows += [("trains", f"{stage.name}: {stage.steps:,} steps") for stage in description.stages]
    rows += [("brings", f"{k} = {option_value(v)}") for k, v in description.brings.items()]
    out().print(facts(rows, title=f"{entry.kind} {entry.spec.name}"))
    if description.about:
        out().print(f"\n{description.about}\n", markup=False, highlight=False)
    if not description.options:
        return
    place = f"tracker.{entry.spec.name}" if entry.kind == "tracker" else entry.kind
    options = [
        (f"{place}.{option.name}", option_value(option.default), option.type_name, option.help)
        for option in description.options
    ]
    out().print(listing(("option", "default", "takes", "what it is"), options))


def _show_recipe(found: "Catalogue", entry: "PartEntry", *, as_json: bool) -> None:
    from genpolicy.composition.named_recipe import read_recipe

    recipe = read_recipe(found, entry)
    if as_json:
        print_json({**_entry_facts(entry), **recipe_facts(recipe)})
        return
    rows = [("", entry.spec.summary), ("name", entry.full_name), ("from", _provider(entry))]
    rows += [("file", entry.spec.target), *recipe_rows(recipe)]
    out().print(facts(rows, title=f"recipe {entry.spec.name}"))
    out().print(f"\n{recipe_text(recipe)}")


def _provider(entry: "PartEntry") -> str:
    return f"{entry.distribution} {entry.version}"


def _entry_facts(entry: "PartEntry") -> dict[str, Any]:
    return {
        "kind": entry.kind,
        "name": entry.spec.name,
        "full_name": entry.full_name,
        "summary": entry.spec.summary,
        "distribution": entry.distribution,
        "version": entry.version,
        "target": entry.spec.target,
        "aliases": entry.spec.aliases,
    }


def _description_facts(description: "Description") -> dict[str, Any]:
    import inspect

    return {
        **_entry_facts(description.entry),
        "file": inspect.getfile(description.recipe),
        "about": description.about,
        "abilities": description.abilities,
        "needs": description.needs,
        "stages": description.stages,
        "brings": description.brings,
        "options": [
            {
                "name": option.name,
                "type": option.type_name,
                "default": option.default,
                "help": option.help,
            }
            for option in description.options
        ],
    }
