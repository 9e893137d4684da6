"""
A receiver that is made to be killed, as a process of its own: ``python killed_receiver.py CONFIG``.

The folder of ``receiver_process.py`` is in its PYTHONPATH.

Its one action writes each thing that it does to ``journal.txt`` beside the config, on the disk before it
goes on, so that what was done is known whatever the receiver's own memory says.
"""

import os
import sys
import time
from pathlib import Path

from receiver_process import NamesPlan

from actions.action import Context, Outcome, Progress
from actions.receiver.service import ReceiverService
from storekeeper.config import Config, load_config
from storekeeper.config.fields import Model
from storekeeper.files import Tree
from storekeeper.log import set_up_logging


class Options(Model):
    """Which files of which area, and which step of its run this is."""

    area: str
    names: str
    step: int


class RemoveSlowly:
    """Remove the files whose names match, with a pause after each in which it may be killed."""

    name = "remove_slowly"
    summary = "Remove files slowly."
    Options = Options

    def resources(self, config: Config, options: Options) -> tuple[str, ...]:
        return (options.area,)

    def plan(self, context: Context, options: Options) -> NamesPlan:
        with Tree(context.config.areas[options.area].path) as tree:
            return NamesPlan(
                sorted(file.name for file in tree.walk() if Path(file.name).match(options.names))
            )

    def perform(self, context: Context, options: Options, plan: NamesPlan) -> Outcome:
        step = f"{context.attributes['run']} {options.step}"
        freed = done = 0
        journal = context.config.project / "journal.txt"
        note(journal, f"begin {step}")
        with Tree(context.config.areas[options.area].path) as tree:
            for name in plan.names:
                if context.cancelled():
                    break
                file = tree.find(name)
                if file is not None and tree.remove(file):
                    freed += file.size_bytes
                    done += 1
                    context.report(Progress(done=done, total=len(plan.names), freed_bytes=freed))
                    note(journal, f"removed {step} {options.area}/{name}")
                time.sleep(0.004)
        note(journal, f"end {step}")
        return Outcome(summary=f"removed {done} files", freed_bytes=freed, changed=done)


def note(journal: Path, line: str) -> None:
    """Append a line; it is on the disk when this returns."""
    descriptor = os.open(journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(descriptor, f"{line}\n".encode())
    os.fsync(descriptor)
    os.close(descriptor)


def main() -> None:
    set_up_logging()
    service = ReceiverService(load_config(Path(sys.argv[1])), actions={"remove_slowly": RemoveSlowly()})
    service.start()
    service.serve()
    service.stop()


if __name__ == "__main__":
    main()
