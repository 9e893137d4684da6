"""The templates' environment and the answers made with it: no value reaches a page unescaped."""

import datetime as dt
import hashlib
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import Response

from actions.receiver.page import texts
from storekeeper import __version__

FOLDER: Final = Path(__file__).parent
HEADERS: Final = MappingProxyType(
    {
        "content-security-policy": "default-src 'none'; style-src 'self'; script-src 'self';"
        " connect-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        "referrer-policy": "same-origin",
        "x-content-type-options": "nosniff",
        "cache-control": "no-store",
    }
)
# Path → file and media type of what the pages load.
ASSETS: Final = MappingProxyType(
    {
        "/page.css": ("page.css", "text/css"),
        "/page.js": ("page.js", "text/javascript"),
        "/icon.svg": ("icon.svg", "image/svg+xml"),
        "/icon-alert.svg": ("icon-alert.svg", "image/svg+xml"),
    }
)


class Rendering:
    """Makes pages and gives assets; ``now`` is the moment from which times are told."""

    def __init__(self, *, shop: str, now: Callable[[], dt.datetime]) -> None:
        self._shop = shop
        self._now = now
        self._assets = {path: (FOLDER / name).read_bytes() for path, (name, _) in ASSETS.items()}
        content = b"".join(self._assets.values())
        # In the addresses of the assets: after an upgrade no browser uses the ones before.
        self._assets_version = hashlib.sha256(content).hexdigest()[:12]
        self._environment = Environment(
            loader=FileSystemLoader(FOLDER / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            finalize=texts.visible,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters |= {
            "size": texts.size,
            "percent": texts.percent,
            "short": texts.short,
            "words": texts.words,
            "duration": texts.length,
        }

    def page(self, template: str, *, status: int = 200, **values: Any) -> Response:
        """Give the page of a template."""
        now = self._now()
        text = self._environment.get_template(template).render(
            version=__version__,
            assets=self._assets_version,
            shop=self._shop,
            now=now,
            zone=texts.zone_name(now),
            at=lambda moment: texts.time_element(texts.clock_time(moment, now), moment),
            exactly=lambda moment: texts.time_element(texts.clock_time(moment, now, seconds=True), moment),
            ago=lambda moment: texts.time_element(texts.relative(moment, now), moment),
            seconds_since=lambda moment: (now - texts.parse_moment(moment)).total_seconds(),
            seconds_between=lambda begin, end: (
                texts.parse_moment(end) - texts.parse_moment(begin)
            ).total_seconds(),
            **values,
        )
        return Response(text, status_code=status, media_type="text/html", headers=dict(HEADERS))

    def asset(self, path: str) -> Response:
        """Give a style sheet, script or icon, which a browser may keep."""
        headers = {**HEADERS, "cache-control": "max-age=86400"}
        return Response(self._assets[path], media_type=ASSETS[path][1], headers=headers)
