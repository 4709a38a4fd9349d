"""Files that pages load, from the installation alone: our own, and Plotly's from its package."""

import gzip
import hashlib
import re
from functools import cached_property
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from starlette.responses import Response

PLOTLY: Final = "plotly.min.js"

_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
# The address names the content, so a copy of it never grows old.
_FOR_EVER: Final = "public, max-age=31536000, immutable"


# Plotly writes a style sheet for maps into each page unless there is an element of this id.
_STYLE_ID: Final = re.compile(rb'getElementById\("([0-9a-f]{64})"\)')


class Asset:
    """One file; ``version`` is a digest of its bytes."""

    def __init__(self, name: str, content: bytes) -> None:
        self.name = name
        self.content = content
        self.version = hashlib.sha256(content).hexdigest()[:12]
        self._media_type = _TYPES[Path(name).suffix]

    def answer(self, accept_encoding: str) -> Response:
        """The file, compressed for whoever can read that."""
        headers = {"Cache-Control": _FOR_EVER, "Vary": "Accept-Encoding"}
        if "gzip" not in accept_encoding:
            return Response(self.content, headers=headers, media_type=self._media_type)
        headers["Content-Encoding"] = "gzip"
        return Response(self._compressed, headers=headers, media_type=self._media_type)

    @cached_property
    def _compressed(self) -> bytes:
        return gzip.compress(self.content, compresslevel=6, mtime=0)


def load_assets() -> dict[str, Asset]:
    """Every file by name. Raises ``FileNotFoundError`` if Plotly's package lacks its script."""
    own = files("pipeline.adapters.console") / "static"
    found = {file.name: Asset(file.name, file.read_bytes()) for file in own.iterdir()}
    found[PLOTLY] = Asset(PLOTLY, _plotly_file().read_bytes())
    return found


def style_ids(script: Asset) -> tuple[str, ...]:
    """Ids of what a script would write as inline styles, which the page's policy forbids.

    An element with such an id keeps it from trying.
    """
    return tuple(sorted({found.decode() for found in _STYLE_ID.findall(script.content)}))


def _plotly_file() -> Path:
    # Found, not imported: the package takes long to load, and only its script is needed.
    spec = find_spec("plotly")
    for place in (spec.submodule_search_locations or ()) if spec is not None else ():
        file = Path(place) / "package_data" / PLOTLY
        if file.is_file():
            return file
    raise FileNotFoundError(f"the package plotly is not installed, or without {PLOTLY}")
