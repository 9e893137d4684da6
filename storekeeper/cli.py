"""
The ``storekeeper`` command: a table of commands, each loaded when it is called.

Exit codes: 0 done, 1 failed, 2 usage or configuration, 75 already running.
"""

import importlib
import sys
from pathlib import Path
from types import MappingProxyType

import click

from actions.table import ACTIONS
from storekeeper import __version__
from storekeeper.errors import StorekeeperError

# Command → module and name; the actions come from their own table.
COMMANDS = MappingProxyType(
    {
        "up": ("storekeeper.commands.up", "up"),
        "exporter": ("storekeeper.commands.exporter", "exporter"),
        "receiver": ("storekeeper.commands.receiver", "receiver"),
        "init": ("storekeeper.commands.init", "init"),
        "recovery-key": ("storekeeper.commands.recovery_key", "recovery_key"),
        "check-config": ("storekeeper.commands.check_config", "check_config"),
        "check-clock": ("storekeeper.commands.check_clock", "check_clock"),
        "storage_info": ("storekeeper.commands.storage_info", "storage_info"),
        "checklist": ("storekeeper.commands.checklist", "checklist"),
        "runs": ("storekeeper.commands.runs", "runs"),
        "drill": ("storekeeper.commands.drill", "drill"),
        "recover": ("storekeeper.commands.recover", "recover"),
        "approvals": ("storekeeper.commands.approvals", "approvals"),
        "approve": ("storekeeper.commands.decide", "approve"),
        "cancel": ("storekeeper.commands.decide", "cancel"),
    }
)


class Commands(click.Group):
    """The commands of the table and one for each other action."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(dict.fromkeys([*COMMANDS, *ACTIONS]))

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name in ACTIONS and name not in COMMANDS:
            from storekeeper.commands.action import command_of

            return command_of(ACTIONS[name])
        if name not in COMMANDS:
            return None
        module, attribute = COMMANDS[name]
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command


@click.command(
    cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}
)
@click.version_option(__version__, prog_name="storekeeper")
def storekeeper() -> None:
    """Keep a Django shop's storage healthy: measure it, be warned, and clean, rotate and back up safely."""


def main(arguments: list[str] | None = None, *, project: Path | None = None) -> None:
    """
    Run the command in ``arguments`` (default: the process's own) and end the process as it ends.

    ``project`` is the folder of manage.py when we run for it.
    """
    # A file name in any encoding can be printed; a pipe that is closed early ends us quietly.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    program = "manage.py" if project else "storekeeper"
    try:
        storekeeper.main(args=arguments, prog_name=program, standalone_mode=False, obj=project)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("stopped", err=True)
        sys.exit(130)
    except StorekeeperError as error:
        click.echo(f"{program}: {error}", err=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # The reader has seen enough; nothing more can be told to it.
        sys.stdout = None
        sys.exit(0)
