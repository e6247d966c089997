"""Tags and notes, which people attach to runs."""

from collections.abc import Sequence

from sqlalchemy import Connection, delete, insert, select

from genpolicy.errors import UsageError
from genpolicy.registry.schema import notes, runs, tags


def add_tags(connection: Connection, run_id: str, words: Sequence[str]) -> None:
    """Attach words to a run; those that it has stay.

    Raises:
        UsageError: A word is empty, has spaces around it, or is the id of a run.
    """
    for word in words:
        if not word or word != word.strip():
            raise UsageError(f"a tag has no spaces around it; got {word!r}")
        if connection.execute(select(runs.c.id).where(runs.c.id == word)).first():
            raise UsageError(f"{word!r} is a run, no tag; tag one run after the other")
    mine = select(tags.c.tag).where(tags.c.run_id == run_id)
    known = set(connection.execute(mine).scalars())
    rows = [{"run_id": run_id, "tag": word} for word in dict.fromkeys(words) if word not in known]
    if rows:
        connection.execute(insert(tags), rows)


def remove_tags(connection: Connection, run_id: str, words: Sequence[str]) -> None:
    """Take words off a run; those that it does not have are no matter."""
    connection.execute(delete(tags).where(tags.c.run_id == run_id, tags.c.tag.in_(words)))


def add_note(connection: Connection, run_id: str, text: str) -> None:
    """Attach a text to a run, unless it has that very note.

    Raises:
        UsageError: The text is empty.
    """
    text = text.strip()
    if not text:
        raise UsageError("a note needs a text")
    same = select(notes.c.id).where(notes.c.run_id == run_id, notes.c.note == text)
    if connection.execute(same).first() is None:
        connection.execute(insert(notes).values(run_id=run_id, note=text))
