"""Records in the order of their steps, although those of looks may come late."""

from collections import deque
from collections.abc import Iterator

from genpolicy.records import MetricsRecord
from genpolicy.training.look import Look

Item = MetricsRecord | Look


class Outbox:
    """Holds back what comes after a look until the look's score is there."""

    def __init__(self) -> None:
        self._items: deque[Item] = deque()

    def put(self, item: Item) -> None:
        """Put in the next."""
        self._items.append(item)

    def ready(self, *, wait: bool = False) -> Iterator[Item]:
        """Take out what is there, in order; or all, waiting for it."""
        while self._items and (wait or _is_there(self._items[0])):
            yield self._items.popleft()


def _is_there(item: Item) -> bool:
    return isinstance(item, MetricsRecord) or item.wait()
