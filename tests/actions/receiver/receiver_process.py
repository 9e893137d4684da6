"""
A receiver with small real actions, as a process of its own: ``python receiver_process.py CONFIG [VERSION]``.

The actions work on the folder ``media`` or ``out`` of the project and tell what they did in ``told.txt``.
"""

import sys
import time
from pathlib import Path
from typing import Any

from actions.action import Context, Outcome, Progress
from actions.receiver import engine, overdue
from actions.receiver.service import ReceiverService
from storekeeper import processes
from storekeeper.config import Config, load_config
from storekeeper.config.fields import Model
from storekeeper.errors import StorekeeperError
from storekeeper.files import Tree
from storekeeper.log import set_up_logging


class Names(Model):
    """Which files."""

    names: str = "*"
    force: bool = False
    output: Path | None = None


class NamesPlan:
    """Files by name."""

    def __init__(self, names: list[str]) -> None:
        self.names = names

    @property
    def summary(self) -> str:
        return f"{len(self.names)} files"

    @property
    def empty(self) -> bool:
        return not self.names

    def rows(self) -> list[tuple[str, ...]]:
        return [("file",), *((name,) for name in self.names)]

    def as_json(self) -> dict[str, Any]:
        return {"files": self.names}


class RemoveFiles:
    """Remove the files of the media area whose names match."""

    name = "remove_files"
    summary = "Remove files."
    Options = Names

    def resources(self, config: Config, options: Names) -> tuple[str, ...]:
        return ("media",)

    def plan(self, context: Context, options: Names) -> NamesPlan:
        with Tree(context.config.areas["media"].path) as tree:
            return NamesPlan([file.name for file in tree.walk() if Path(file.name).match(options.names)])

    def perform(self, context: Context, options: Names, plan: NamesPlan) -> Outcome:
        freed = done = 0
        tell(context, "remove_files")
        with Tree(context.config.areas["media"].path) as tree:
            for name in plan.names:
                file = tree.find(name)
                if file is not None and tree.remove(file):
                    freed += file.size_bytes
                done += 1
                context.report(Progress(done=done, total=len(plan.names), freed_bytes=freed, note=name))
        return Outcome(summary=f"removed {done} files", freed_bytes=freed, changed=done)


class Batches(Model):
    """How many files, how slowly, under which name."""

    batches: int = 40
    pause_seconds: float = 0.05
    name: str = "batch"


class WriteBatches:
    """Write numbered files, one after the other; those that are there already are not written again."""

    name = "write_batches"
    summary = "Write files in batches."
    Options = Batches

    def resources(self, config: Config, options: Batches) -> tuple[str, ...]:
        return ("out",)

    def plan(self, context: Context, options: Batches) -> NamesPlan:
        folder = context.config.project / "out"
        wanted = [f"{options.name}-{number}" for number in range(options.batches)]
        return NamesPlan([name for name in wanted if not (folder / name).exists()])

    def perform(self, context: Context, options: Batches, plan: NamesPlan) -> Outcome:
        folder = context.config.project / "out"
        folder.mkdir(exist_ok=True)
        tell(context, f"write_batches {options.name} begins with {len(plan.names)} to do")
        written = 0
        for name in plan.names:
            if context.cancelled():
                break
            (folder / name).write_text(name)
            written += 1
            context.report(Progress(done=written, total=len(plan.names), freed_bytes=100 * written))
            time.sleep(options.pause_seconds)
        tell(context, f"write_batches {options.name} ends after {written}")
        return Outcome(summary=f"wrote {written} files", freed_bytes=100 * written, changed=written)


class FailAlways:
    """Fail in the way a database that is gone for good does."""

    name = "fail_always"
    summary = "Fail."
    Options = Names

    def resources(self, config: Config, options: Names) -> tuple[str, ...]:
        return ("media",)

    def plan(self, context: Context, options: Names) -> NamesPlan:
        return NamesPlan([])

    def perform(self, context: Context, options: Names, plan: NamesPlan) -> Outcome:
        raise StorekeeperError("it cannot be done", hint="Nothing helps")


class Hanging(Model):
    """Where it hangs."""

    in_program: bool = False


class Hang:
    """Hang and hear nothing: in a system call, or in a program that does not end."""

    name = "hang"
    summary = "Hang."
    Options = Hanging

    def resources(self, config: Config, options: Hanging) -> tuple[str, ...]:
        return ("media",)

    def plan(self, context: Context, options: Hanging) -> NamesPlan:
        return NamesPlan([])

    def perform(self, context: Context, options: Hanging, plan: NamesPlan) -> Outcome:
        tell(context, "hangs")
        if options.in_program:
            processes.run(["sleep", "3600"], timeout_seconds=3600)
        time.sleep(3600)
        raise AssertionError("an hour went by")


ACTIONS: dict[str, Any] = {
    action.name: action for action in (RemoveFiles(), WriteBatches(), FailAlways(), Hang())
}


def tell(context: Context, line: str) -> None:
    with (context.config.project / "told.txt").open("a") as file:
        file.write(line + "\n")


def main() -> None:
    set_up_logging()
    config = load_config(Path(sys.argv[1]))
    if len(sys.argv) > 2:
        # A receiver whose workflow has another shape, as after an upgrade.
        engine.DbosEngine.__init__.__kwdefaults__["workflow_version"] = sys.argv[2]
    engine.DbosEngine.__init__.__kwdefaults__["lost_after_seconds"] = 1.0
    overdue.Overdue.__init__.__kwdefaults__["grace_seconds"] = 0.5
    service = ReceiverService(config, actions=ACTIONS, config_file=Path(sys.argv[1]))
    service.start()
    print(service.web.port, flush=True)
    service.serve()
    service.stop()


if __name__ == "__main__":
    try:
        main()
    except StorekeeperError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
