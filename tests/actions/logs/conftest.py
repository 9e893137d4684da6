"""What the tests of log rotation share: a folder of logs with a config, and real writers beside it."""

import datetime as dt
import gzip
import os
import select
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from actions.action import Context, Outcome, Progress
from actions.logs.member import Mark, MemberWriter
from actions.logs.plan import LogPlan
from actions.rotate_logs import RotateLogs
from storekeeper.config import Config, parse_config
from storekeeper.shop.description import LogFile, ShopDescription
from tests.disks import disk_folder, mount_small_disk

NOW = dt.datetime(2025, 12, 1, 0, 5, tzinfo=dt.UTC)

WRITER = """
import logging, logging.handlers, sys, time
path, handler, name, count, pause = sys.argv[1:]
handlers = {**vars(logging), **vars(logging.handlers)}
handler = handlers[handler](path, encoding="utf-8")
handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
logger = logging.getLogger("test")
logger.addHandler(handler)
logger.setLevel("INFO")
print("ready", flush=True)
for number in range(int(count)):
    logger.info("writer %s line %06d សួស្តី", name, number)
    if float(pause):
        time.sleep(float(pause))
print("done", flush=True)
sys.stdin.read()
"""


@dataclass(frozen=True, kw_only=True)
class KnownShop:
    """A shop that knows its log files; nothing else of it is asked."""

    log_files: tuple[LogFile, ...]

    def describe(self) -> ShopDescription:
        """Give a description that is empty but for the logs."""
        return ShopDescription(
            django_version="5.2",
            python_version="3.11",
            settings_module="shop.settings",
            time_zone="UTC",
            use_tz=True,
            base_dir=None,
            media_root=None,
            media_url="",
            static_root=None,
            static_dirs=(),
            log_files=self.log_files,
            databases={},
            models=(),
        )


@dataclass(kw_only=True)
class LogKeeper:
    """A folder of logs; ``now`` stands still just after a month's end unless a test sets it."""

    folder: Path
    config: Config
    handlers: dict[str, str] = field(default_factory=dict)
    now: dt.datetime = NOW
    doubt: str = ""
    """Why the clock cannot be trusted."""
    reports: list[Progress] = field(default_factory=list)

    def write(self, name: str, *lines: str, day: str = "2025-11-30") -> Path:
        """Write a log whose lines, and whose last change, are of that day; each gets a date in front."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{day} 10:00:00 {line}\n" for line in lines), encoding="utf-8")
        moment = dt.datetime.fromisoformat(f"{day}T10:00:00+00:00").timestamp()
        os.utime(path, (moment, moment))
        return path

    def make_archive(
        self,
        name: str,
        *,
        content: bytes = b"packed\n",
        day: str,
        later: tuple[int, ...] = (),
        shop: str = "test",
    ) -> Path:
        """Write an archive as storekeeper does, last written on that day."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w+b") as stream:
            member = MemberWriter(stream, mark=Mark(shop=shop, archive=f"logs/{name}", later=later))
            member.write(content)
            member.close()
        self.date(name, day)
        return path

    def date(self, name: str, day: str) -> None:
        """Set the last write of a file to that day."""
        moment = dt.datetime.fromisoformat(f"{day}T10:00:00+00:00").timestamp()
        os.utime(self.folder / name, (moment, moment))

    def context(self) -> Context:
        files = tuple(
            LogFile(path=self.folder / name, handler=f"logging.handlers.{handler}")
            for name, handler in self.handlers.items()
        )
        shop: Any = KnownShop(log_files=files)
        return Context(
            config=self.config,
            shop=shop,
            now=lambda: self.now,
            report=self.reports.append,
            clock_doubt=lambda: self.doubt,
        )

    def plan(self, **options: Any) -> LogPlan:
        return RotateLogs().plan(self.context(), RotateLogs.Options(**options))

    def run(self, action: RotateLogs | None = None, **options: Any) -> Outcome:
        """Plan and perform."""
        action = action or RotateLogs(patience_seconds=0)
        checked: Any = action.Options(**options)
        return action.perform(self.context(), checked, action.plan(self.context(), checked))

    def names(self) -> list[str]:
        """Give the names of all that is below the folder, also hidden files."""
        return sorted(
            os.path.relpath(os.path.join(folder, name), self.folder)
            for folder, _, names in os.walk(self.folder)
            for name in names
        )

    def unpack(self, name: str) -> str:
        """Give the content of an archive."""
        return gzip.decompress((self.folder / name).read_bytes()).decode()

    def everything(self, stem: str) -> bytes:
        """Give the bytes of all archives of a log, then what is put aside, then the log."""
        archives = sorted(self.folder.glob(f"{stem}_*.log.gz"))
        rest = [self.folder / f"{stem}.log.rotating", self.folder / f"{stem}.log"]
        packed = b"".join(gzip.decompress(path.read_bytes()) for path in archives)
        return packed + b"".join(path.read_bytes() for path in rest if path.exists())

    def killed_at(self, stage: str, **options: Any) -> None:
        """Run in a process of its own, which is killed as soon as it has come to ``stage``."""

        def kill(reached: str) -> None:
            if reached == stage:
                os.kill(os.getpid(), signal.SIGKILL)

        action = RotateLogs(stage=kill, patience_seconds=0)
        process = get_context("fork").Process(target=self.run, args=(action,), kwargs=options)
        process.start()
        process.join()
        assert -signal.SIGKILL == process.exitcode


@dataclass(kw_only=True)
class Writers:
    """Processes that write numbered lines through a real handler, each ``count`` of them."""

    processes: list["subprocess.Popen[str]"]
    count: int

    def running(self) -> bool:
        """Tell whether one of them has not said that it is done."""
        return any(not _said(process) for process in self.processes)

    def leave(self) -> None:
        """Let all of them end."""
        for process in self.processes:
            process.communicate()
            assert 0 == process.returncode

    def lost_and_doubled(self, content: bytes) -> tuple[int, int]:
        """Give how many of their lines are missing in ``content``, and how many are there more than once."""
        lines = Counter(line.partition(" writer ")[2] for line in content.decode().splitlines())
        expected = {
            f"{name} line {number:06d} សួស្តី"
            for name in range(len(self.processes))
            for number in range(self.count)
        }
        strange = set(lines) - expected - {""}
        assert set() == strange
        return len(expected - set(lines)), sum(number - 1 for number in lines.values() if number > 1)


def _said(process: "subprocess.Popen[str]") -> bool:
    assert process.stdout
    return bool(select.select([process.stdout], [], [], 0)[0])


def _on_small_disk(folder: Path, *, size_bytes: int, then: Callable[[], None]) -> None:
    """Do something where ``folder`` is a real filesystem of that size, in a process of its own."""

    def inside() -> None:
        mount_small_disk(folder, size_bytes=size_bytes)
        then()

    process = get_context("fork").Process(target=inside)
    process.start()
    process.join()
    assert 0 == process.exitcode


@pytest.fixture
def on_small_disk() -> Callable[..., None]:
    """``on_small_disk(folder, size_bytes=2 << 20, then=function)``: see _on_small_disk."""
    return _on_small_disk


@pytest.fixture
def tmp_path(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk, also where temporary files lie in memory: a front can be cut off there."""
    with disk_folder(tmp_path) as folder:
        yield folder


@pytest.fixture
def make_logs(tmp_path: Path) -> Callable[..., LogKeeper]:
    """A factory: ``make_logs({"orders.log": "WatchedFileHandler"}, more="logs: {keep: 1 month}")``."""

    def make(
        handlers: dict[str, str] | None = None,
        *,
        more: str = "",
        folder: Path | None = None,
        state: str | Path = "state",
    ) -> LogKeeper:
        folder = folder or tmp_path / "logs"
        folder.mkdir(exist_ok=True)
        text = f"shop: test\nproject: {tmp_path}\nstate: {state}\nareas: {{logs: {{path: {folder}}}}}\n{more}"
        config = parse_config(text, name="test", folder=tmp_path, environment={})
        return LogKeeper(folder=folder, config=config, handlers=handlers or {})

    return make


@pytest.fixture
def start_writers() -> Iterable[Callable[..., Writers]]:
    """A factory: ``start_writers(path, handler="FileHandler", writers=4, count=20_000, pause=0)``."""
    started: list[subprocess.Popen[str]] = []

    def start(
        path: Path, *, handler: str = "FileHandler", writers: int = 4, count: int = 20_000, pause: float = 0
    ) -> Writers:
        processes = [
            subprocess.Popen(
                [sys.executable, "-c", WRITER, str(path), handler, str(number), str(count), str(pause)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for number in range(writers)
        ]
        started.extend(processes)
        for process in processes:
            assert process.stdout
            assert "ready\n" == process.stdout.readline()
        return Writers(processes=processes, count=count)

    yield start
    for process in started:
        process.kill()
        process.communicate()
