"""
Run histories in this process and print what went wrong as JSON.

    python -m tests.histories.run --folder DIR --packages DIR [--postgresql SOCKET] [--first N] [--count N]

In one process: to start Django for each of ten thousand shops would take days. Only the pipe between
storekeeper and the shop's interpreter is left out; the shop's side answers the same questions here.
"""

import argparse
import datetime as dt
import importlib
import json
import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

PROJECT = Path(__file__).with_name("project")


class Conversation:
    """The shop's side, asked without a pipe; what goes over one is JSON all the same."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def ask(self, question: str, **arguments: Any) -> Any:
        """Return the one answer."""
        (answer,) = self.stream(question, **arguments)
        return answer

    def stream(self, question: str, **arguments: Any) -> Iterator[Any]:
        """Yield the answers."""
        from storekeeper.shopside.answers import QUESTIONS

        module, function = QUESTIONS[question]
        answerer = getattr(importlib.import_module(f"storekeeper.shopside.{module}"), function)
        for answer in answerer(**json.loads(json.dumps(arguments))):
            yield json.loads(json.dumps(answer))


class InProcess:
    """A shop whose interpreter is this one."""

    def talk(self) -> Conversation:
        """Return its side."""
        return Conversation()

    def ask(self, question: str, **arguments: Any) -> Any:
        """Return the answer to one question."""
        return Conversation().ask(question, **arguments)

    def describe(self, **_: Any) -> Any:
        """Return what the shop says of itself."""
        from storekeeper.shop import ShopDescription

        return ShopDescription.model_validate(Conversation().ask("describe"))

    @contextmanager
    def staying(self) -> Iterator[None]:
        """Do nothing: the interpreter is here anyway."""
        yield


def main() -> None:
    """Run the histories that the command line names."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--packages", type=Path, required=True)
    parser.add_argument("--postgresql", default="")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=10)
    arguments = parser.parse_args()
    os.environ["HISTORIES_FOLDER"] = str(arguments.folder)
    os.environ["HISTORIES_POSTGRESQL"] = arguments.postgresql
    os.environ["DJANGO_SETTINGS_MODULE"] = "histories_settings"
    sys.path.insert(0, str(PROJECT))
    # Behind our own: storekeeper's dependencies are those of this environment.
    sys.path.append(str(arguments.packages))
    import django

    django.setup()
    began = time.monotonic()
    template = _tables(arguments.folder, postgresql=bool(arguments.postgresql))
    result: dict[str, Any] = {"histories": 0, "kept": 0, "went": 0, "problems": []}
    for seed in range(arguments.first, arguments.first + arguments.count):
        _one(seed, folder=arguments.folder, template=template, result=result)
        if len(result["problems"]) > int(os.environ.get("HISTORIES_MOST", "20")):
            break
    print(json.dumps({**result, "seconds": round(time.monotonic() - began, 1)}))


def _tables(folder: Path, *, postgresql: bool) -> Path:
    """Make the tables of all installed applications once; return the empty SQLite database to copy."""
    from django.apps import apps
    from django.db import connection, connections

    folder.mkdir(parents=True, exist_ok=True)
    with connection.schema_editor() as editor:
        for model in apps.get_models():
            if not model._meta.proxy:
                editor.create_model(model)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO auth_user (id, username, password, first_name, last_name, email, is_active,"
            " is_staff, is_superuser, date_joined) VALUES (1, 'x', '', '', '', '', %s, %s, %s, %s)",
            [True, True, True, dt.datetime.now(tz=dt.UTC)],
        )
    connections.close_all()
    template = folder / "template.sqlite3"
    if not postgresql:
        shutil.copyfile(folder / "default.sqlite3", template)
    return template


def _one(seed: int, *, folder: Path, template: Path, result: dict[str, Any]) -> None:
    from django.db import connections

    from tests.histories.history import History

    connections.close_all()
    (folder / "other.sqlite3").write_bytes(b"")
    with connections["other"].cursor() as cursor:
        cursor.execute("CREATE TABLE legacy (x)")
    if template.exists():
        shutil.copyfile(template, folder / "default.sqlite3")
    shutil.rmtree(folder / "state", ignore_errors=True)
    history = History(seed=seed, postgresql=not template.exists())
    try:
        history.make()
        connections.close_all()
        _run_playbooks(history, folder=folder)
        problems = list(history.problems())
    except Exception as error:
        if os.environ.get("HISTORIES_RAISE"):
            raise
        problems = [f"{type(error).__name__}: {error}"]
    finally:
        history.end()
    result["histories"] += 1
    result["kept"] += len(history.keep)
    result["went"] += len(history.orphans)
    result["problems"] += [f"history {seed}: {problem}" for problem in problems]


def _run_playbooks(history: Any, *, folder: Path) -> None:
    """Approve every folder beforehand, then run every step of every playbook, days and months later."""
    from actions.action import Context
    from actions.media.approvals import Approval, Approvals
    from actions.playbooks import shipped_playbooks
    from actions.table import ACTIONS
    from storekeeper.config import parse_config

    code = getattr(history, "code", None)
    source = f"model: {code._meta.label}, file: image, expires: until" if code else ""
    codes = f"{{payment: {{{source}, pattern: 'qr_codes/qr_*.png'}}}}" if code else "{}"
    config = parse_config(
        f"shop: history\nproject: {folder}\nstate: {folder}/state\n"
        "areas: {media: {path: media}, logs: {path: logs}}\n"
        f"databases: {{default: {{django: default}}}}\nqr_codes: {codes}\n",
        name="history",
        folder=folder,
    )
    root = os.path.realpath(history.media)
    below = [os.path.relpath(path, root) for path, _, _ in os.walk(root)]
    Approvals(config.state).approve(
        Approval(
            area="media", root=root, folder="" if name == "." else name, who="history",
            approved=dt.datetime.now(tz=dt.UTC), files=0, size_bytes=0,
        )
        for name in below
    )  # fmt: skip
    steps = {
        (step.action, json.dumps(step.options, sort_keys=True))
        for playbook in shipped_playbooks().values()
        for step in playbook.steps
        if step.approval == "none" and step.action in FILES
    }
    counted = _counted(config)
    for days in (3, 45):
        for name, options in sorted(steps):
            action = ACTIONS[name]
            context = Context(
                config=config,
                shop=InProcess(),  # type: ignore[arg-type]
                now=lambda days=days: dt.datetime.now(tz=dt.UTC) + dt.timedelta(days=days),  # type: ignore[misc]
                report=lambda _: None,
            )
            chosen = action.Options.model_validate(json.loads(options))
            plan = action.plan(context, chosen)
            if name == "cleanup_orphaned_media" and days == 3 and counted != len(plan.moves):
                raise AssertionError(f"the exporter counts {counted} orphans, the plan has {len(plan.moves)}")
            action.perform(context, chosen, plan)


def _counted(config: Any) -> int:
    """Return how many orphans the exporter counts before any run."""
    from exporter.measuring import Measuring

    measuring = Measuring(config, describe=InProcess().describe)
    for job in (measuring.shop.job, measuring.sources.scans["media"], measuring.sources.files):
        job.run_once()
    latest = measuring.sources.files.latest
    assert "" == latest.problem, latest.problem
    assert latest.value is not None
    return int(latest.value.orphans["media"].files)


# The actions that remove, move or cut files; those that ask the shop's interpreter for a whole database have
# attacks of their own.
FILES = ("backup_media", "cleanup_expired_qr_codes", "cleanup_orphaned_media", "prune_backups", "rotate_logs")


if __name__ == "__main__":
    main()
