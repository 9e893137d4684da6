"""One page into a file, for node_exporter's textfile collector or any reader that wants no service."""

from pathlib import Path

from prometheus_client import write_to_textfile

from exporter.measuring import Measuring
from exporter.page import Page

TIMEOUT_SECONDS = 60.0


def write_textfile(path: Path, *, measuring: Measuring) -> None:
    """
    Measure everything once and write the page to ``path``, which appears or changes at once and whole.

    Figures about this process are left out: node_exporter has its own under the same names.
    """
    measuring.run_once()
    page = Page(
        measuring.scraper,
        shop=measuring.config.shop,
        timeout_seconds=TIMEOUT_SECONDS,
        process_families=False,
    )
    write_to_textfile(str(path), page)
