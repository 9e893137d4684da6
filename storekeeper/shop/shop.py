"""Start the shop's interpreter, ask its Django, and hear the answers as frames."""

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from types import TracebackType
from typing import Any, Self

from storekeeper import processes, shopside
from storekeeper.config import Config
from storekeeper.errors import DatabaseUnavailable, ShopError, StorekeeperError
from storekeeper.shop.description import ShopDescription
from storekeeper.shopside.frames import DATA, read_frame, write_message

_SHOP_SIDE = Path(shopside.__file__).parent

_ERRORS: Mapping[str, type[StorekeeperError]] = {"shop": ShopError, "database": DatabaseUnavailable}


class Shop:
    """
    The Django project at ``project``, run by ``python``.

    Each question runs in a fresh interpreter or in a Conversation that keeps one; storekeeper itself
    need not be installed there.
    """

    def __init__(self, project: Path, *, python: Path | None = None, settings: str | None = None) -> None:
        self.project = project
        self._python = python or Path(sys.executable)
        self._environment = {"DJANGO_SETTINGS_MODULE": settings} if settings else {}

    @classmethod
    def of(cls, config: Config) -> "Shop":
        """Give the shop of a config."""
        return cls(config.project, python=config.python, settings=config.settings)

    def describe(self) -> ShopDescription:
        """
        Ask the project for its databases, folders, logs and models.

        Raises ShopError, with the words of the shop, when its Django cannot start.
        """
        return ShopDescription.model_validate(self.ask("describe"))

    def ask(self, question: str, **arguments: Any) -> Any:
        """Put one question that has one answer."""
        with self.talk() as conversation:
            return conversation.ask(question, **arguments)

    def talk(self) -> "Conversation":
        """Start an interpreter that answers any number of questions."""
        return Conversation(self._python, project=self.project, environment=self._environment)


class Conversation(AbstractContextManager["Conversation"]):
    """
    One running interpreter of the shop.

    Not for several threads at once. When it is left, the interpreter ends; an interpreter that does
    not is killed, and the database rolls back what it had not committed.
    """

    def __init__(self, python: Path, *, project: Path, environment: Mapping[str, str]) -> None:
        # A file, not a pipe: a shop that prints much would fill a pipe that nobody reads.
        self._errors = TemporaryFile()  # noqa: SIM115 - closed when the conversation is left
        self._process = processes.start(
            [python, _SHOP_SIDE, project],
            directory=project,
            # Frames are bytes, but what the shop prints must not fail on a Khmer word.
            environment={"PYTHONIOENCODING": "utf-8:backslashreplace", **environment},
            errors=self._errors,
            piped=True,
        )
        assert self._process.stdin and self._process.stdout
        self._requests = self._process.stdin
        self._answers = self._process.stdout

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # An interpreter that has gone already was or will be told elsewhere.
        with suppress(OSError):
            self._requests.close()
        if error is not None:
            self._process.kill()
        processes.stop(self._process)
        self._answers.close()
        self._errors.close()

    def __enter__(self) -> Self:
        return self

    def ask(self, question: str, **arguments: Any) -> Any:
        """Put a question that has one answer; raises ShopError or DatabaseUnavailable."""
        answers = list(self.stream(question, **arguments))
        if len(answers) != 1:
            raise ShopError(f"the shop gave {len(answers)} answers to {question}, not one")
        return answers[0]

    def stream(self, question: str, **arguments: Any) -> Iterator[Any]:
        """
        Put a question and give its answers as they come: parsed messages, and data as bytes.

        The iterator must be read to its end before the next question.
        """
        try:
            write_message(self._requests, {"question": question, "arguments": arguments})
        except OSError:
            raise self._silence(question) from None
        while frame := read_frame(self._answers):
            kind, payload = frame
            if kind == DATA:
                yield payload
                continue
            message = json.loads(payload)
            if "error" in message:
                raise _ERRORS.get(message["error"], ShopError)(
                    message["message"], hint=message.get("hint", "")
                )
            if "end" in message:
                return
            yield message["answer"]
        raise self._silence(question)

    def _silence(self, question: str) -> ShopError:
        """Give the error for an interpreter that ended in the middle."""
        code = processes.stop(self._process)
        self._errors.seek(0)
        words = processes.last_words(self._errors.read())
        return ShopError(
            f"the shop's interpreter ended with code {code} while it was asked to {question}: {words}",
            hint="Try the shop's own manage.py check with the same Python",
        )
