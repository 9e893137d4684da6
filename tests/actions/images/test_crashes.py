"""A run of optimize_images that is killed: no row ever names a missing file, and the next run tidies up."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from actions.images.journal import ImageJournal
from actions.images.rows import rename_in_rows, rows_naming
from actions.optimize_images import OptimizeImages
from storekeeper.shop import Shop

ACTION = OptimizeImages()
HERE = {"below": "optimize", "over": "1KB"}
REPOSITORY = Path(__file__).resolve().parents[3]

# Runs the action and kills itself just before it opens a file for writing for the nth time.
KILLED_RUN = """
import datetime as dt, json, os, signal, sys
from pathlib import Path
given = json.loads(sys.argv[1])
from actions.action import Context
from actions.optimize_images import OptimizeImages
from storekeeper.config import load_config
from storekeeper.shop import Shop
config = load_config(Path(given["config"]))
context = Context(
    config=config, shop=Shop.of(config), now=lambda: dt.datetime.now(tz=dt.UTC), report=lambda progress: None
)
action = OptimizeImages()
options = action.Options(**given["options"])
plan = action.plan(context, options)
left = given["nth"]
def hook(event, arguments):
    global left
    writes = event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR)
    if writes or event in ("os.remove", "os.rename", "os.mkdir"):
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(hook)
action.perform(context, options, plan)
"""


def killed(keeper: Any, *, nth: int, **options: Any) -> bool:
    """Run the action in a process that is killed before its nth step; False when it came to its end."""
    config = keeper.config
    file = config.state / "storekeeper.yml"
    file.write_text(
        f"shop: test\nproject: {config.project}\npython: {config.python}\nstate: {config.state}\n"
        f"databases: {{default: {{django: default}}}}\nareas: {{media: {{path: {keeper.media}}}}}\n"
    )
    given = {"config": str(file), "options": options, "nth": nth}
    done = subprocess.run(
        [sys.executable, "-c", KILLED_RUN, json.dumps(given)], cwd=REPOSITORY, capture_output=True, text=True
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode != 0


@pytest.fixture
def keeper(make_keeper: Callable[..., Any]) -> Any:
    return make_keeper(orders=2)


def until_done(keeper: Any, slides: Any, *, stride: int, **options: Any) -> int:
    """Kill runs ``stride`` steps later each time until one ends by itself; give how many were killed."""
    kills = 0
    while killed(keeper, nth=1 + kills * stride, **options):
        assert slides.broken() == []
        kills += 1
    return kills


def test_a_run_killed_anywhere_leaves_every_row_with_its_file(
    keeper: Any, make_slides: Callable[..., Any], pictures: Any, thorough: bool
) -> None:
    """Killed before its writes in turn; then one run more leaves one new file, and undo the old state."""
    stride = 1 if thorough else 3
    slides = make_slides(keeper)
    slides.add("a.jpg", pictures.photo(), rows=2)
    before = keeper.files()
    assert until_done(keeper, slides, stride=stride, **HERE) >= 2
    keeper.run(ACTION, **HERE)
    names = set(slides.names())
    assert (len(names), keeper.files() - before) == (1, names)
    assert until_done(keeper, slides, stride=stride, undo="latest") >= 1
    # A file that was being removed lies in our trash, which the next removal in this area empties.
    found = {name for name in keeper.files() if not name.startswith(".storekeeper-trash/")}
    assert (slides.names(), found) == (["optimize/a.jpg"] * 2, before)


def test_nothing_changes_without_the_permit(
    keeper: Any, make_slides: Callable[..., Any], pictures: Any
) -> None:
    """An interpreter that outlives its killed run cannot commit without the permit, nor without the file."""
    slides = make_slides(keeper)
    slides.add("a.jpg", pictures.photo())
    keeper.write("optimize/new.webp")
    permit = keeper.config.state / "permit"
    with Shop.of(keeper.config).talk() as conversation:
        naming = rows_naming(
            conversation,
            config=keeper.config,
            root=keeper.media,
            files=["optimize/a.jpg"],
            plain_files=False,
            suffix=".webp",
        )
        (row,) = naming.rows["optimize/a.jpg"]
        changes = [[row.change(f"optimize/{name}", root=keeper.media)] for name in ("gone.webp", "new.webp")]

        def change() -> list[bool]:
            return [why == "" for why in rename_in_rows(conversation, changes=changes, permit=permit)]

        assert change() == [False, False]
        permit.touch()
        assert change() == [False, True]
        # By now the row names another file: it is not ours to change any more.
        assert change() == [False, False]
    assert slides.names() == ["optimize/new.webp"]


def test_a_change_that_is_not_committed_yet_is_waited_for(
    make_keeper: Callable[..., Any], make_slides: Callable[..., Any], pictures: Any
) -> None:
    """The rows of a killed run may still be committed by the server: its new file must not go before."""
    keeper = make_keeper("postgresql", orders=2)
    slides = make_slides(keeper)
    slides.add("a.jpg", pictures.photo())
    new = keeper.write("optimize/a-0123456789.webp", b"new")
    run = ImageJournal(keeper.config).new_run(keeper.now())
    run.begin(area="media", root=keeper.media)
    key = keeper.shop.evaluate(
        "from app.models import HeroSlide\nresult = HeroSlide.objects.get(image='optimize/a.jpg').pk"
    )
    status = new.stat()
    identity = {"size_bytes": status.st_size, "modified_ns": status.st_mtime_ns}
    place = {"model": "app.HeroSlide", "field": "image", "database": "default", "key": str(key)}
    name = "optimize/a-0123456789.webp"
    run.write(
        [
            {"event": "making", "old": "optimize/a.jpg", "new": name},
            {
                "event": "made",
                "new": name,
                "old_identity": identity,
                "new_identity": identity,
                "rows": [place],
            },
        ]
    )
    with (
        psycopg.connect(keeper.shop.database_url) as connection,
        psycopg.connect(keeper.shop.database_url, autocommit=True) as watcher,
    ):
        connection.execute("UPDATE app_heroslide SET image = %s WHERE id = %s", (name, key))
        thread = threading.Thread(target=lambda: keeper.run(ACTION, over="100MB", below="optimize"))
        thread.start()
        waiting = (
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        while thread.is_alive() and watcher.execute(waiting).fetchone() == (0,):
            time.sleep(0.05)
        assert (thread.is_alive(), new.exists()) == (True, True)
        connection.commit()
        thread.join()
    assert (slides.names(), new.exists()) == ([name], True)


def test_a_torn_line_of_the_map_swallows_nothing(keeper: Any) -> None:
    """A line that a crash cut short is passed over, and the next one is read."""
    run = ImageJournal(keeper.config).new_run(keeper.now())
    run.begin(area="media", root=keeper.media)
    run.write([{"event": "making", "old": "a.jpg", "new": "a-1.webp"}])
    with run.path.open("a") as stream:
        stream.write('{"event": "ma')
    run.write([{"event": "dropped", "new": "a-1.webp"}])
    root, (exchange,) = run.read()
    assert (root, exchange.state) == (os.fspath(keeper.media), "dropped")
