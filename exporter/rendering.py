"""Families as text. Most are the same from scrape to scrape, and to compare is quicker than to write."""

from collections.abc import Callable, Iterator
from typing import Final

from prometheus_client.core import Metric
from prometheus_client.exposition import choose_encoder

# Readers choose the format; a few exist, and what more one may invent is not kept.
FORMATS: Final = 8


class Rendering:
    """Remembers the last text of each family in each format; any thread may ask at any time."""

    def __init__(self) -> None:
        self._formats: dict[str, dict[str, tuple[Metric, bytes]]] = {}

    def encode(self, collect: Callable[[], Iterator[Metric]], *, accept: str) -> tuple[bytes, str]:
        """
        Give the page of the families and its content type for an ``Accept`` header.

        A family must not change after it was given.
        """
        encoder, content_type = choose_encoder(accept)
        if len(self._formats) >= FORMATS and content_type not in self._formats:
            self._formats.clear()
        known = self._formats.setdefault(content_type, {})
        # What the format puts at the end of every page.
        end = encoder(_Families())
        parts = []
        for family in collect():
            before, text = known.get(family.name, (None, b""))
            if family != before:
                text = encoder(_Families(family)).removesuffix(end)
                known[family.name] = (family, text)
            parts.append(text)
        return b"".join((*parts, end)), content_type


class _Families:
    """What an encoder reads from."""

    def __init__(self, *families: Metric) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        return iter(self._families)
