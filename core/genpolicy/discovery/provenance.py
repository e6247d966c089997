"""Where an installed distribution came from, by the ``direct_url.json`` that installers leave.

It is there for what was installed from a folder, an archive or a repository, and says which (PEP
610); without it the distribution came from an index.
"""

import json
import shlex
from collections.abc import Mapping
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from genpolicy.discovery.sources import normalise


def project_folder(distribution: Distribution) -> Path | None:
    """Return the folder of a distribution that is installed as editable, ``None`` for others."""
    origin = _origin(distribution)
    if not origin.get("dir_info", {}).get("editable"):
        return None
    return Path(url2pathname(urlsplit(origin["url"]).path))


def requirement(distribution: Distribution) -> str:
    """Return the line of a requirements file that brings a distribution back.

    ``name==version`` for one from an index, ``-e FOLDER`` for an editable one, ``name @ URL``
    otherwise, with the commit of a repository.
    """
    name = normalise(str(distribution.metadata["Name"]))
    origin = _origin(distribution)
    folder = project_folder(distribution)
    if folder is not None:
        return f"-e {shlex.quote(str(folder))}"
    if not origin:
        return f"{name}=={distribution.version}"
    return f"{name} @ {_url(origin)}"


def _url(origin: Mapping[str, Any]) -> str:
    url = str(origin["url"])
    repository = origin.get("vcs_info")
    if repository:
        url = f"{repository['vcs']}+{url}@{repository['commit_id']}"
    hashes = origin.get("archive_info", {}).get("hashes", {})
    fragments = [f"{kind}={value}" for kind, value in hashes.items()]
    if origin.get("subdirectory"):
        fragments.append(f"subdirectory={origin['subdirectory']}")
    return "#".join([url, *(["&".join(fragments)] if fragments else [])])


def _origin(distribution: Distribution) -> Mapping[str, Any]:
    try:
        found = json.loads(distribution.read_text("direct_url.json") or "{}")
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) and "url" in found else {}
