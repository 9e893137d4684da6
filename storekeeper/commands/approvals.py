"""``storekeeper approvals``: which folders of uploads are cleaned unattended, and who said so."""

from pathlib import Path

import click

from actions.media.approvals import Approval, Approvals
from storekeeper.commands.common import config_option, json_option, print_json, print_table, read_config
from storekeeper.errors import StorekeeperError
from storekeeper.units import format_size


@click.command()
@click.option("--area", default="media", show_default=True, help="The area of the folders to withdraw.")
@click.option("--withdraw", metavar="FOLDER", multiple=True, help="Take back the approval of this folder.")
@json_option
@config_option
def approvals(area: str, withdraw: tuple[str, ...], as_json: bool, config_file: Path | None) -> None:
    """List the folders whose orphaned files move unattended; cleanup_orphaned_media --approve adds some."""
    stored = Approvals(read_config(config_file).state)
    if withdraw:
        removed = stored.withdraw(area, withdraw)
        if missing := set(withdraw) - {one.folder for one in removed}:
            raise StorekeeperError(
                f"not approved in area {area}: {', '.join(sorted(missing))}",
                hint="storekeeper approvals lists what is",
            )
    found = stored.all()
    if as_json:
        print_json([one.as_json() for one in found])
    elif found:
        print_table([("area", "folder", "approved by", "at", "files then", "size then"), *map(_row, found)])
    else:
        click.echo("no folder is approved: storekeeper cleanup_orphaned_media --dry-run shows what waits")


def _row(one: Approval) -> tuple[str, ...]:
    moment = one.approved.astimezone().strftime("%Y-%m-%d %H:%M")
    return one.area, one.folder, one.who, moment, str(one.files), format_size(one.size_bytes)
