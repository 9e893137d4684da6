"""
Write the pages of docs/ that are made from the code, or write them to ``--output DIR``.

What they say stands in the code once: docstrings of config keys, help texts of options.
"""

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

import commands_page
import config_page

PAGES: Final[Mapping[str, Callable[[], str]]] = MappingProxyType(
    {"commands.md": commands_page.page, "config.md": config_page.page}
)


def main() -> None:
    """Write every page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent)
    folder = parser.parse_args().output
    for name, page in PAGES.items():
        (folder / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
