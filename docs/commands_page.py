"""docs/commands.md: each command with its options as the command line knows them."""

import inspect
from typing import Final

import click
from config_page import cell

from actions.table import ACTIONS
from storekeeper.cli import storekeeper

HEAD: Final = """\
# Commands

Exit codes: 0 done, 1 failed, 2 usage or configuration, 75 already running. Without `--config.file` the config
is `$STOREKEEPER_CONFIG`, else `storekeeper.yml` in the current folder, else beside manage.py. `storage_info`
and every action also run as `python manage.py NAME` where `"storekeeper"` stands in `INSTALLED_APPS`.
"""
# Every command has it, and it is told above.
EVERYWHERE: Final = ("--config.file",)


def page() -> str:
    """Give the whole document."""
    context = click.Context(storekeeper, info_name="storekeeper")
    names = storekeeper.list_commands(context)
    return "\n".join([HEAD, *(_section(context, name) for name in names)])


def _section(context: click.Context, name: str) -> str:
    command = storekeeper.get_command(context, name)
    assert command is not None, name
    arguments = [one.make_metavar(context) for one in command.params if isinstance(one, click.Argument)]
    lines = [
        f"## {' '.join([name, *arguments])}",
        "",
        inspect.cleandoc(command.help or "").replace("``", "`"),
    ]
    if name in ACTIONS:
        # The module's first sentence is the summary in other words.
        told = (inspect.getdoc(inspect.getmodule(type(ACTIONS[name]))) or "").partition("\n\n")[2]
        lines += ["", told.replace("``", "`")] if told else []
    rows = [
        f"| {_names(one, context)} | {cell(one.help or '')} | {_default(one)} |"
        for one in command.params
        if isinstance(one, click.Option) and not one.hidden and one.opts[0] not in EVERYWHERE
    ]
    if rows:
        lines += ["", "| option | what | default |", "| --- | --- | --- |", *rows]
    return "\n".join([*lines, ""])


def _names(option: click.Option, context: click.Context) -> str:
    names = [*option.opts, *option.secondary_opts]
    value = "" if option.is_flag else f" {option.make_metavar(context)}"
    return cell(" ".join(f"`{name}{value}`" for name in names))


def _default(option: click.Option) -> str:
    shown = option.show_default and not option.is_flag and option.default is not None
    return f"`{option.default}`" if shown else ""
