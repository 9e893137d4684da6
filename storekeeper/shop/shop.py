"""Start the shop's interpreter, ask its Django, and hear the answers as frames."""

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from storekeeper import processes
from storekeeper.config import Config
from storekeeper.early_shop import start_interpreter, take
from storekeeper.errors import DatabaseUnavailable, ShopError, StorekeeperError
from storekeeper.shop.description import ShopDescription
from storekeeper.shopside.frames import DATA, read_frame, write_message

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_PIPE_BYTES = 1 << 20

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
        self._settings = settings
        self._may_stay = False
        self._waiting: Conversation | None = None

    @classmethod
    def of(cls, config: Config) -> "Shop":
        """Give the shop of a config."""
        return cls(config.project, python=config.python, settings=config.settings)

    @contextmanager
    def staying(self) -> Iterator[None]:
        """
        Let an interpreter that was asked to stay wait for the next conversation, at the most until here.

        To start Django takes longer than most questions. Not for several threads at once.
        """
        self._may_stay = True
        try:
            yield
        finally:
            self._may_stay = False
            if (waiting := self._take_waiting()) is not None:
                waiting.close()

    def describe(self, *, stay: bool = False) -> ShopDescription:
        """
        Ask the project for its databases, folders, logs and models.

        With ``stay`` the interpreter, within ``staying``, waits for the conversation that comes next. Raises
        ShopError, with the words of the shop, when its Django cannot start.
        """
        return ShopDescription.model_validate(self.ask("describe", stay=stay))

    def ask(self, question: str, *, stay: bool = False, **arguments: Any) -> Any:
        """Put one question that has one answer; ``stay`` as for ``describe``."""
        with ExitStack() as ended:
            conversation = ended.enter_context(self.talk())
            answer = conversation.ask(question, **arguments)
            if stay and self._may_stay:
                ended.pop_all()
                self._waiting = conversation
        return answer

    def talk(self) -> "Conversation":
        """Start an interpreter that answers any number of questions, or take the one that waits."""
        waiting = self._take_waiting()
        if waiting is not None:
            return waiting
        return Conversation(self._python, project=self.project, settings=self._settings)

    def _take_waiting(self) -> "Conversation | None":
        waiting, self._waiting = self._waiting, None
        return waiting


class Conversation(AbstractContextManager["Conversation"]):
    """
    One running interpreter of the shop.

    Not for several threads at once. When it is left, the interpreter ends; an interpreter that does
    not is killed, and the database rolls back what it had not committed.
    """

    def __init__(
        self,
        python: Path,
        *,
        project: Path,
        settings: str | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        early = None if environment else take(python, project=project, settings=settings)
        self._interpreter = early or start_interpreter(
            python, project=project, settings=settings, environment=environment
        )
        self._requests = self._interpreter.questions
        self._answers = self._interpreter.answers
        _widen(self._answers)

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close(kill=error is not None)

    def __enter__(self) -> Self:
        return self

    def close(self, *, kill: bool = False) -> None:
        """End the interpreter."""
        self._interpreter.stop(kill=kill)
        self._interpreter.close()

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
        code = self._interpreter.stop()
        errors = self._interpreter.errors
        words = ""
        if errors is not None:
            errors.seek(0)
            words = f": {processes.last_words(errors.read())}"
        ended = "ended" if code is None else f"ended with code {code}"
        return ShopError(
            f"the shop's interpreter {ended} while it was asked to {question}{words}",
            hint="Try the shop's own manage.py check with the same Python",
        )


def _widen(pipe: IO[bytes]) -> None:
    """Let a pipe hold more, where the system can: so the shop need not wait for us after each block."""
    if fcntl is not None and hasattr(fcntl, "F_SETPIPE_SZ"):
        # The system allows less to a user who has many pipes.
        with suppress(OSError):
            fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
