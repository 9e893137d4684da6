"""
Run a shop's own commands in interpreters that have Django imported already.

To import Django takes longer than most of what a test asks of its shop. A process that has it, without any
settings, forks for each command; what the command does is its own: environment, folder, settings, output.
Only the tests' own errands come this way. storekeeper starts the shop's interpreter as it always does.

``python warm_django.py`` is that process: a line of JSON for each command, and one for what came of it.
"""

import importlib
import json
import os
import runpy
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

# What does not need the settings; each brings many more with it.
MODULES = (
    "django.core.management.commands.migrate",
    "django.db.backends.postgresql.base",
    "django.db.backends.sqlite3.base",
    "django.db.migrations.executor",
    "django.db.models",
    "django.http",
    "django.template.backends.django",
    "django.urls",
    "PIL.Image",
)


class WarmDjango:
    """The process, started with the first command. For several threads."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()

    def run(
        self, arguments: tuple[str, ...], *, folder: Path, environment: Mapping[str, str]
    ) -> "subprocess.CompletedProcess[str]":
        """Do what ``python *arguments`` does, for a script's name or ``-c`` and code; nothing is typed in."""
        order = {"arguments": arguments, "folder": str(folder), "environment": dict(environment)}
        with self._lock:
            if self._process is None:
                self._process = subprocess.Popen(
                    [sys.executable, "-X", "utf8", __file__],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                    encoding="utf-8",
                    env={name: value for name, value in os.environ.items() if name[:7] != "DJANGO_"},
                )
            assert self._process.stdin and self._process.stdout
            print(json.dumps(order), file=self._process.stdin, flush=True)
            code, output, errors = json.loads(self._process.stdout.readline())
        return subprocess.CompletedProcess(arguments, code, output, errors)

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.communicate()


def serve(orders: IO[str], answers: IO[str]) -> None:
    """Fork for each order until there are no more."""
    for name in MODULES:
        # An older Django may lack one, or need settings for it: then each command imports it.
        with suppress(Exception):
            importlib.import_module(name)
    for line in orders:
        order = json.loads(line)
        with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
            child = os.fork()
            if child == 0:
                _be(order, output=output, errors=errors)
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            print(json.dumps([code, _text(output), _text(errors)]), file=answers, flush=True)


def _be(order: dict[str, Any], *, output: IO[bytes], errors: IO[bytes]) -> None:
    """Become the interpreter of one command; never returns."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, file in enumerate((nothing, output.fileno(), errors.fileno())):
        os.dup2(file, number)
    code = 1
    try:
        os.chdir(order["folder"])
        os.environ.clear()
        os.environ.update(order["environment"])
        sys.dont_write_bytecode = "PYTHONDONTWRITEBYTECODE" in os.environ
        script, *words = order["arguments"]
        sys.path[0] = order["folder"]
        if script == "-c":
            sys.argv = ["-c", *words[1:]]
            exec(compile(words[0], "<string>", "exec"), {"__name__": "__main__"})
        else:
            sys.argv = [script, *words]
            runpy.run_path(script, run_name="__main__")
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode("utf-8", "backslashreplace")


if __name__ == "__main__":
    serve(sys.stdin, sys.stdout)
