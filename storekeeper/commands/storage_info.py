"""``storekeeper storage_info``: the guide's report, for a person or as JSON for a script."""

import dataclasses
import datetime as dt
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from exporter.collectors.backups import Backup
from exporter.measure import Measurements, measure_once
from exporter.rows import TableUsage
from storekeeper.commands.common import (
    config_option,
    console,
    json_option,
    print_json,
    print_table,
    read_config,
)
from storekeeper.commands.growth import sizes_month_ago
from storekeeper.config import Config
from storekeeper.errors import StorekeeperError
from storekeeper.shop import Shop
from storekeeper.units import format_size

BAR_CELLS = 20
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
    for problem in (*measured.problems, *filter(None, [silent])):
        click.echo(f"not measured: {problem}", err=True)


def _print_usage(config: Config, measured: Measurements) -> None:
    out = console()
    out.print(Text(f"{'':<20} {'size':>10} {'limit':>10} {'full':>5}", style="bold"))
    for name, size, limit in _usage(config, measured):
        share = size / limit if size is not None and limit else None
        line = Text(f"{name:<20} {_size(size):>10} {_size(limit):>10} ")
        if share is not None:
            colour, word = next(((c, w) for bound, c, w in LEVELS if share > bound), ("green", ""))
            filled = min(BAR_CELLS, round(share * BAR_CELLS))
            line.append(f"{share:>5.0%} ")
            line.append("█" * filled, style=colour)
            line.append("░" * (BAR_CELLS - filled), style="dim")
            line.append(f" {word}".rstrip(), style=colour)
        out.print(line)
    click.echo()


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
    yield "Files that no row names", [("area", "files", "size"), *orphans]
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
