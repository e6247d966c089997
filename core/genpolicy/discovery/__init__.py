"""Finds plugins and the parts they provide; the only package that knows pluggy."""

from genpolicy.discovery.catalogue import Catalogue, load_catalogue
from genpolicy.discovery.fingerprint import source_hash
from genpolicy.discovery.hookspecs import HOOKS, hookimpl
from genpolicy.discovery.recipes import recipe_specs
from genpolicy.discovery.records import Duplicate, PartEntry, PluginRecord
from genpolicy.discovery.spec import API_VERSION, KINDS, PartSpec

__all__ = [
    "API_VERSION",
    "HOOKS",
    "KINDS",
    "Catalogue",
    "Duplicate",
    "PartEntry",
    "PartSpec",
    "PluginRecord",
    "hookimpl",
    "load_catalogue",
    "recipe_specs",
    "source_hash",
]
