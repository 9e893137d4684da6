"""
Hand a management command to the ``storekeeper`` command, options and all.

It runs in an interpreter of its own, since a shop may well have an application named ``actions`` or
``exporter``, and neither of us should meet the other's.
"""

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser, handle_default_options

from storekeeper import processes
from storekeeper.config_file import MANAGE_VARIABLE
from storekeeper.early_shop import ASKING, PIPES_VARIABLE
from storekeeper.shopside.answers import serve

# Option → number of values; these are Django's own and stay here.
_DJANGO_OPTIONS = {
    "--settings": 1,
    "--pythonpath": 1,
    "--verbosity": 1,
    "-v": 1,
    "--traceback": 0,
    "--no-color": 0,
    "--force-color": 0,
    "--skip-checks": 0,
}


class Delegate(BaseCommand):
    """
    A management command that the ``storekeeper`` command of the same name carries out.

    ``stealth_options`` names its options, for ``call_command``.
    """

    requires_system_checks: Sequence[str] = []

    def run_from_argv(self, argv: list[str]) -> None:
        """Run for ``manage.py NAME …`` and end with the command's own exit code."""
        own, rest = _split(argv[2:])
        parser = CommandParser(add_help=False)
        parser.add_argument("--settings")
        parser.add_argument("--pythonpath")
        handle_default_options(parser.parse_known_args(own)[0])
        # This process ends with the command: until then its Django can answer, which saves another start.
        serving = argv[1] in ASKING and os.name == "posix"
        code = _serve(argv[1], rest) if serving else self._run(argv[1], rest)
        if code:
            sys.exit(code)

    def handle(self, *arguments: str, **options: Any) -> None:
        """Run for ``call_command``; raises CommandError with the command's exit code."""
        name = type(self).__module__.rpartition(".")[2]
        words = list(arguments)
        for option in self.stealth_options:
            value = options.get(option)
            flag = f"--{option.replace('_', '-')}"
            if value is True:
                words.append(flag)
            elif value not in (None, False):
                words.append(f"{flag}={value}")
        code = self._run(name, words)
        if code:
            raise CommandError(f"{name} ended with code {code}", returncode=code)

    def _run(self, name: str, words: Sequence[str]) -> int:
        return processes.wait(_command(name, words), environment={MANAGE_VARIABLE: str(_project())})


def _command(name: str, words: Sequence[str]) -> list[str]:
    # -P: the current folder, here the shop's, is not a place to import from.
    return [sys.executable, "-P", "-m", "storekeeper", name, *words]


def _serve(name: str, words: Sequence[str]) -> int:
    """Start the command, answer what it asks the shop, and return its exit code."""
    questions, asking = os.pipe()
    answering, answers = os.pipe()
    process = processes.start(
        _command(name, words),
        environment={MANAGE_VARIABLE: str(_project()), PIPES_VARIABLE: f"{asking}:{answering}"},
        standard_input=None,
        inherited=(asking, answering),
    )
    os.close(asking)
    os.close(answering)
    # What the shop prints while it answers must not get into what the command prints.
    sys.stdout.flush()
    os.dup2(2, 1)
    with suppress(KeyboardInterrupt), os.fdopen(questions, "rb") as asked, os.fdopen(answers, "wb") as told:
        serve(None, questions=asked, answers=told)
    return processes.end_of(process)


def _split(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Give Django's own options, and everything else in its order."""
    own: list[str] = []
    rest: list[str] = []
    iterator = iter(words)
    for word in iterator:
        values = _DJANGO_OPTIONS.get(word.partition("=")[0])
        if values is None:
            rest.append(word)
            continue
        own.append(word)
        if values and "=" not in word:
            own.extend([value for value in [next(iterator, None)] if value is not None])
    return own, rest


def _project() -> Path:
    """Give the folder of manage.py, or what the settings call their base folder."""
    program = Path(sys.argv[0])
    if program.name == "manage.py":
        return program.resolve().parent
    return Path(os.fspath(getattr(settings, "BASE_DIR", Path.cwd()))).resolve()
