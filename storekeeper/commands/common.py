"""What every command shares: the config option, the config or the shop's own settings, the tables."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Never, TypeVar

import click

from storekeeper.config import Config, load_config, parse_config
from storekeeper.config_file import find_config
from storekeeper.errors import ConfigurationError
from storekeeper.shop import Shop
from storekeeper.shop.draft import Draft

if TYPE_CHECKING:
    from rich.console import Console

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

config_option = click.option(
    "--config.file",
    "config_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The config; default: $STOREKEEPER_CONFIG, else storekeeper.yml here, else beside manage.py.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for a script.")


def read_config(config_file: Path | None) -> Config:
    """
    Give the config that a command works with.

    Under manage.py a project without a config file gets the one that ``storekeeper init`` would write.
    """
    project = manage_project()
    try:
        path = find_config(config_file, beside=project)
    except ConfigurationError:
        if config_file is not None or project is None:
            raise
        return _config_of(project)
    return load_config(path)


def manage_project() -> Path | None:
    """Give the project folder when we run under its manage.py."""
    found = click.get_current_context().find_root().obj
    return found if isinstance(found, Path) else None


def _config_of(project: Path) -> Config:
    python = Path(sys.executable)
    draft = Draft(
        Shop(project, python=python).describe(),
        project=project,
        python=python,
        folder=project,
        measure=lambda path: 0,
    )
    return parse_config(draft.text(), name=f"the settings of {project.name}", folder=project)


def print_json(value: Any) -> None:
    """Print a value for a script; names that are not UTF-8 stay escaped."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=True, default=str))


def print_table(
    rows: list[tuple[str, ...]], *, title: str = "", most: int | None = None, errors: bool = False
) -> None:
    """
    Print rows under their headings, the first row; numbers to the right. At the most ``most`` rows.

    ``errors`` prints to standard error.
    """
    from rich.table import Table

    table = Table(title=title or None, title_justify="left", title_style="bold", box=None, pad_edge=False)
    headings, *body = rows
    shown = body if most is None else body[:most]
    for index, heading in enumerate(headings):
        numeric = all(_is_number(row[index]) for row in shown) and shown
        table.add_column(heading, justify="right" if numeric else "left", overflow="fold")
    for row in shown:
        table.add_row(*(printable(cell) for cell in row))
    console(errors=errors).print(table)
    if len(body) > len(shown):
        click.echo(f"… and {len(body) - len(shown)} more; --json lists all", err=errors)


def console(*, errors: bool = False) -> "Console":
    """Give a console that wraps nothing when its output goes to a file or a program."""
    # Loaded here: most runs print a line or two and need no tables.
    from rich.console import Console

    terminal = (sys.stderr if errors else sys.stdout).isatty()
    return Console(stderr=errors, width=None if terminal else 200, markup=False, highlight=False)


def printable(text: str) -> str:
    """Give a text that any terminal takes: undecodable bytes and control characters as escapes."""
    shown = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in shown)


def fail(message: str, *, code: int = 1) -> Never:
    """End the command with a message on standard error."""
    click.echo(message, err=True)
    raise SystemExit(code)


def _is_number(text: str) -> bool:
    return text[:1].isdigit() or text in ("", "-")
