"""Making data in shards: in several processes, and further after an interruption."""

from genpolicy.making.maker import (
    Arrays,
    FileMaker,
    MadeInShards,
    Maker,
    Shard,
    Shards,
    make_at_once,
    split,
)
from genpolicy.making.partial import made, partial_folder

__all__ = [
    "Arrays",
    "FileMaker",
    "MadeInShards",
    "Maker",
    "Shard",
    "Shards",
    "made",
    "make_at_once",
    "partial_folder",
    "split",
]
