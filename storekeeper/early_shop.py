"""
The shop's interpreter, had before it is asked for: to start Django takes as long as to load ourselves.

``start_early`` starts it while the rest of storekeeper is still being loaded. Under manage.py Django runs
already: that process answers, and ``offered`` tells by which pipes. Whoever talks to the shop first takes it
with ``take``, provided that it is the interpreter, the project and the settings that the config really means.
Nothing here decides anything: without it, or where it does not fit, one is started as always.
"""

import atexit
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, Final

from storekeeper import processes, shopside
from storekeeper.config_file import find_config
from storekeeper.errors import StorekeeperError

ASKING: Final = frozenset(
    {
        "backup_database",
        "backup_media",
        "cleanup_expired_qr_codes",
        "cleanup_orphaned_media",
        "optimize_database",
        "optimize_images",
        "restore_backup",
        "storage_info",
        "verify_backup",
    }
)
"""The commands that ask the shop in any case."""

PIPES_VARIABLE: Final = "STOREKEEPER_SHOP_PIPES"
"""Set by manage.py for its command: the numbers of the pipes for questions and for answers."""

SHOP_SIDE: Final = Path(shopside.__file__).parent
SETTINGS_VARIABLE: Final = "DJANGO_SETTINGS_MODULE"


@dataclass(kw_only=True)
class Interpreter:
    """
    A running interpreter of the shop and the pipes to it.

    ``process`` and ``errors`` are None where it is the one of manage.py, whose errors go where ours go.
    """

    questions: IO[bytes]
    answers: IO[bytes]
    process: "subprocess.Popen[bytes] | None" = None
    errors: IO[bytes] | None = None

    def stop(self, *, kill: bool = False) -> int | None:
        """End it and return its exit code; None where it is not ours to end."""
        # An interpreter that has gone already was or will be told elsewhere.
        with suppress(OSError):
            self.questions.close()
        if self.process is None:
            return None
        if kill:
            self.process.kill()
        return processes.stop(self.process)

    def close(self) -> None:
        """Close what is left of a stopped one."""
        self.answers.close()
        if self.errors is not None:
            self.errors.close()


@dataclass(frozen=True, kw_only=True)
class _Waiting:
    python: Path
    project: Path
    settings: str | None
    interpreter: Interpreter


_waiting: list[_Waiting] = []


def start_interpreter(
    python: Path, *, project: Path, settings: str | None, environment: Mapping[str, str] | None = None
) -> Interpreter:
    """
    Start an interpreter for the project's Django, with ``environment`` added to ours.

    Raises ProcessFailed where there is no such program.
    """
    # A file, not a pipe: a shop that prints much would fill a pipe that nobody reads.
    errors = TemporaryFile()  # noqa: SIM115 - closed by close()
    process = processes.start(
        [python, SHOP_SIDE, project],
        directory=project,
        # Frames are bytes, but what the shop prints must not fail on a Khmer word.
        environment={
            "PYTHONIOENCODING": "utf-8:backslashreplace",
            **({SETTINGS_VARIABLE: settings} if settings else {}),
            **(environment or {}),
        },
        errors=errors,
        piped=True,
    )
    assert process.stdin and process.stdout
    return Interpreter(questions=process.stdin, answers=process.stdout, process=process, errors=errors)


def start_early(words: Sequence[str], *, project: Path | None) -> None:
    """
    Start the interpreter that the command in ``words`` will ask, where the config tells it at a glance.

    ``project`` is the folder of manage.py when we run for it.
    """
    pipes = os.environ.pop(PIPES_VARIABLE, "")
    if pipes and project is not None:
        questions, answers = (int(number) for number in pipes.split(":"))
        _waiting.append(
            _Waiting(
                python=Path(sys.executable),
                project=project,
                settings=None,
                interpreter=Interpreter(
                    questions=os.fdopen(questions, "wb"), answers=os.fdopen(answers, "rb")
                ),
            )
        )
    elif not (words and words[0] in ASKING and not {"-h", "--help"} & set(words)):
        return
    else:
        # Whatever is wrong is told when the config is read and the shop is asked.
        with suppress(StorekeeperError, OSError, ValueError):
            _start(words, project=project)
    atexit.register(end_early)


def take(python: Path, *, project: Path, settings: str | None) -> Interpreter | None:
    """Return the interpreter that waits, if it is this one; another one is ended."""
    while _waiting:
        one = _waiting.pop()
        same = settings in (one.settings, os.environ.get(SETTINGS_VARIABLE))
        if (one.python, one.project) == (python, project) and same:
            return one.interpreter
        _end(one)
    return None


def end_early() -> None:
    """End what nobody has taken."""
    while _waiting:
        _end(_waiting.pop())


def _end(one: _Waiting) -> None:
    one.interpreter.stop(kill=True)
    one.interpreter.close()


def _start(words: Sequence[str], *, project: Path | None) -> None:
    import yaml

    path = find_config(_config_of(words), beside=project)
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        document = yaml.load(path.read_bytes(), Loader=loader)  # noqa: S506 - a safe one
    except yaml.YAMLError:
        return
    if not isinstance(document, Mapping):
        return
    root = _path(document.get("project", "."), below=path.resolve().parent)
    python = _path(document.get("python", sys.executable), below=root) if root else None
    settings = document.get("settings")
    if root is None or python is None or not isinstance(settings, str | None):
        return
    interpreter = start_interpreter(python, project=root, settings=settings)
    _waiting.append(_Waiting(python=python, project=root, settings=settings, interpreter=interpreter))


def _path(value: Any, *, below: Path) -> Path | None:
    if not isinstance(value, str) or "$" in value:
        return None
    return Path(os.path.abspath(below / os.path.expanduser(value)))  # noqa: PTH100, PTH111 - links stay


def _config_of(words: Sequence[str]) -> Path | None:
    for word, following in zip(words, [*words[1:], ""], strict=True):
        name, equals, value = word.partition("=")
        if name == "--config.file":
            return Path(value if equals else following)
    return None
