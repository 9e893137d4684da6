"""``storekeeper storage_info``: the guide's report, for a person or as JSON for a script."""

import dataclasses
import datetime as dt
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
from rich.table import Table
from rich.text import Text

from exporter.measure import Measurements, measure_once
from exporter.rows import TableUsage
from storekeeper.commands.common import (
    config_option,
    console,
    json_option,
    print_json,
    print_table,
    printable,
    read_config,
)
from storekeeper.commands.growth import sizes_month_ago
from storekeeper.config import Config
from storekeeper.errors import StorekeeperError
from storekeeper.measure.backups import Backup
from storekeeper.shop import Shop
from storekeeper.units import format_size

BAR_CELLS = 20
NARROW_COLUMNS = 56
TABLES_SHOWN = 10
LARGE_FILES_SHOWN = 10
# The colours of the dashboards: from this share of the limit on, this colour and this word.
LEVELS = ((0.95, "red", "EMERGENCY"), (0.90, "dark_orange", "CRITICAL"), (0.80, "yellow", "WARNING"))


@click.command()
@json_option
@config_option
def storage_info(config_file: Path | None, as_json: bool) -> None:
    """Show how large the shop is, part by part, against its limits."""
    config = read_config(config_file)
    # What goes wrong is told once, at the end, as what was not measured.
    logging.getLogger("exporter.jobs").setLevel(logging.ERROR)
    measured = measure_once(config, describe=Shop.of(config).describe)
    try:
        before, silent = sizes_month_ago(config), ""
    except StorekeeperError as error:
        before, silent = {}, f"growth: {error.message}"
    if as_json:
        print_json({**_as_json(config, measured), "month_ago_bytes": dict(before)})
        return
    click.echo(f"Storage of {config.shop} ({config.project})\n")
    _print_usage(config, measured)
    growth = ("Growth in a month", list(_growth(config, measured, before)))
    for title, rows in (growth, *_sections(measured)):
        if len(rows) > 1:
            print_table(rows, title=title)
            click.echo()
    for missing in measured.not_measured:
        click.echo(f"{missing}")
    for problem in (*measured.problems, *filter(None, [silent])):
        click.echo(f"not measured: {problem}", err=True)


def _print_usage(config: Config, measured: Measurements) -> None:
    usage = list(_usage(config, measured))
    out = console()
    width = out.width
    table = Table(box=None, pad_edge=False, padding=(0, 1), collapse_padding=True)
    table.add_column("", overflow="fold")
    table.add_column("size", justify="right", no_wrap=True)
    # What a narrow terminal has no room for goes: first the bar, then the limit. The words stay.
    if limits := width >= NARROW_COLUMNS:
        table.add_column("limit", justify="right", no_wrap=True)
    table.add_column("full", justify="right", no_wrap=True)
    if bars := width >= NARROW_COLUMNS + BAR_CELLS + 1:
        table.add_column("", no_wrap=True)
    table.add_column("", no_wrap=True)
    for name, size, limit in usage:
        share = size / limit if size is not None and limit else None
        colour, word = next(((c, w) for bound, c, w in LEVELS if (share or 0) > bound), ("green", ""))
        table.add_row(
            printable(name),
            _size(size),
            *([_size(limit)] if limits else []),
            # Cut, not rounded: 94.6 % must not read like the 95 % that it is not over.
            "" if share is None else f"{int(share * 100)}%",
            *([Text() if share is None else _bar(share, colour=colour)] if bars else []),
            Text(word, style=colour),
        )
    out.print(table)
    click.echo()


def _bar(share: float, *, colour: str) -> Text:
    filled = min(BAR_CELLS, round(share * BAR_CELLS))
    return Text.assemble(("█" * filled, colour), ("░" * (BAR_CELLS - filled), "dim"))


def _usage(config: Config, measured: Measurements) -> Iterator[tuple[str, int | None, int | None]]:
    """Give name, bytes and limit of everything, the total and the disks at the end."""
    for database in measured.databases:
        yield f"database {database.name}", database.size_bytes, config.databases[database.name].limit
    for name, report in measured.areas.items():
        yield name, report.usage.size_bytes if report.usage else None, report.limit_bytes
    yield "total", measured.total_size_bytes, measured.total_limit_bytes
    for disk in measured.disks:
        # As df counts: what is reserved for the system is neither used nor available.
        yield f"disk {disk.mountpoint}", disk.used_bytes, disk.used_bytes + disk.available_bytes


def _growth(config: Config, measured: Measurements, before: Mapping[str, int]) -> Iterator[tuple[str, ...]]:
    """Give a row for everything whose size of a month ago is known."""
    yield ("", "a month ago", "now", "change")
    for name, size, _ in _usage(config, measured):
        if name in before and size is not None:
            change = size - before[name]
            yield (
                name,
                format_size(before[name]),
                format_size(size),
                f"{'+' if change > 0 else ''}{format_size(change)}",
            )


def _sections(measured: Measurements) -> Iterator[tuple[str, list[tuple[str, ...]]]]:
    tables = sorted(measured.tables, key=lambda table: (-(table.rows or 0), table.table))
    yield (
        "Database tables",
        [
            ("table", "rows", "database"),
            *map(_table, tables[:TABLES_SHOWN]),
        ],
    )
    groups = [
        (f"{area}/{name}", f"{group.files:,}", format_size(group.size_bytes))
        for area, report in measured.areas.items()
        if report.usage
        for name, group in report.usage.groups.items()
    ]
    yield "Media by group", [("group", "files", "size"), *groups]
    codes = [
        (kind, state, f"{count.files:,}", format_size(count.size_bytes))
        for (kind, state), count in sorted(measured.codes.items())
    ]
    yield "QR codes", [("kind", "state", "files", "size"), *codes]
    orphans = [
        (area, f"{count.files:,}", format_size(count.size_bytes))
        for area, count in measured.orphans.items()
        if count.files
    ]
    yield (
        "Files that nothing in the databases names (a cleanup leaves those of the last day)",
        [("area", "files", "size"), *orphans],
    )
    yield "Log files", [("file", "size"), *((log.name, format_size(log.size_bytes)) for log in measured.logs)]
    large = measured.large_files[:LARGE_FILES_SHOWN]
    yield (
        "Large files",
        [("file", "size"), *((f"{f.area}/{f.name}", format_size(f.size_bytes)) for f in large)],
    )
    yield "Backups", [("backup", "kind", "created", "verified", "size"), *map(_backup, measured.backups)]


def _table(table: TableUsage) -> tuple[str, ...]:
    rows = "-" if table.rows is None else f"{table.rows:,}" if table.exact else f"about {table.rows:,}"
    return (table.table, rows, table.database)


def _backup(backup: Backup) -> tuple[str, ...]:
    verified = _moment(backup.verified) if backup.verified else "no"
    return (backup.name, backup.kind, _moment(backup.made), verified, format_size(backup.size_bytes))


def _moment(seconds: float) -> str:
    return dt.datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M")


def _size(size_bytes: int | None) -> str:
    return format_size(size_bytes) if size_bytes is not None else "-"


def _as_json(config: Config, measured: Measurements) -> dict[str, Any]:
    return {
        "shop": config.shop,
        "usage": [
            {"name": name, "size_bytes": size, "limit_bytes": limit}
            for name, size, limit in _usage(config, measured)
        ],
        **_plain(measured),
    }


def _plain(value: Any) -> Any:
    """Give what JSON can hold: dataclasses as objects, keys of two words joined."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {
            "/".join(key) if isinstance(key, tuple) else str(key): _plain(item) for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
