"""Writes a new distribution of parts: the files of its ``templates``, with names of their own."""

from genpolicy.scaffold.distribution import claimed, files_of, write
from genpolicy.scaffold.names import Names, kinds_of, names_of

__all__ = ["Names", "claimed", "files_of", "kinds_of", "names_of", "write"]
