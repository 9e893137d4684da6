"""recover: the whole shop on an empty machine, from a folder of backups, and never over what is there."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from actions.backup_media import BackupMedia
from actions.recover import Recover
from storekeeper.errors import BackupRefused, StorekeeperError
from tests.actions.recovery.conftest import files_in


def test_rows_and_files_are_back(lost: Any) -> None:
    """Every row and every byte is there; the outcome says how old they are and how long each stage took."""
    outcome = lost.run(Recover(), from_=str(lost.copies))
    assert lost.differences() == {}
    assert outcome.details["missing"] == []
    assert 0 < outcome.details["age_seconds"] < 600
    assert list(outcome.details["stages"]) == ["fetch", "database", "files", "compare"]


@pytest.mark.parametrize("form", ["json", "native"])
def test_a_postgresql_shop_comes_back(
    backed_up: Callable[..., Any], lose: Callable[[Any], Any], form: str
) -> None:
    """Into an empty database of the same server."""
    lost = lose(backed_up("postgresql", form=form), form=form)
    lost.run(Recover(), from_=str(lost.copies))
    assert lost.differences(numbers=form == "native") == {}


def test_what_is_not_empty_is_named_and_nothing_is_restored(lost: Any) -> None:
    """A database with rows and a folder with files are both refused, in one message."""
    lost.keeper.shop.manage("migrate", "--verbosity=0")
    lost.keeper.shop.evaluate(
        "from app.models import Customer\nCustomer.objects.create(name='mine')\nresult = 1"
    )
    lost.keeper.write("mine.txt")
    with pytest.raises(BackupRefused, match=r"holds 1 rows; the area media .* holds mine.txt"):
        lost.run(Recover(), from_=str(lost.copies))
    assert files_in(lost.keeper.media).keys() == {"mine.txt"}


def test_a_damaged_copy_is_refused_before_anything_is_restored(lost: Any) -> None:
    """One flipped bit: nothing appears, and the message says how to take the set before."""
    path = next(lost.copies.glob("media_*.tar.gz"))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(BackupRefused, match=r"another checksum[^$]*--at with a moment before"):
        lost.run(Recover(), from_=str(lost.copies))
    assert lost.is_empty()


def test_a_cut_copy_counts_for_nothing(lost: Any) -> None:
    """An archive that ends too early is not taken, and what lacks then is named."""
    path = next(lost.copies.glob("media_*.tar.gz"))
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(BackupRefused, match="area media has no backup"):
        lost.run(Recover(), from_=str(lost.copies))
    assert lost.is_empty()


def test_files_that_rows_name_and_no_backup_holds_are_told(lost: Any) -> None:
    """The set has no archive that is as new as its rows: what is missing is named, with the field."""
    manifest = next(lost.copies.glob("media_*.manifest.json"))
    other = lost.keeper
    archive = manifest.with_name(manifest.name.removesuffix(".manifest.json"))
    archive.unlink()
    manifest.unlink()
    other.write("products/other.jpg")
    _, outcome = other.run(BackupMedia(), output=lost.copies)
    shutil.rmtree(other.media)
    outcome = lost.run(Recover(), from_=str(lost.copies))
    assert any("app.Product.image" in told for told in outcome.details["missing"])
    assert files_in(other.media).keys() == {"products/other.jpg"}


_RECOVER = """
import sys
from pathlib import Path
from actions.recover import Recover
from actions.runner import Order, run_action
from storekeeper.config import load_config
action = Recover()
print("begins", flush=True)
config = load_config(Path(sys.argv[1]))
order = Order(action=action, options=action.Options(from_=sys.argv[2]), config=config, purpose="test")
run_action(order, report=lambda report: None)
"""


def test_a_killed_recovery_is_gone_on_with(lost: Any, thorough: bool) -> None:
    """Whenever it is killed, the same command brings everything back; nothing half has a final name."""
    root = Path(__file__).resolve().parents[3]
    config = lost.keeper.config.state / "storekeeper.yml"
    for round_number in range(25 if thorough else 2):
        with subprocess.Popen(
            [sys.executable, "-c", _RECOVER, config, lost.copies], cwd=root, stdout=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(0.3 + round_number * (0.3 if thorough else 1.5))
            process.send_signal(signal.SIGKILL)
        assert not lost.keeper.media.exists() or files_in(lost.keeper.media) == lost.files
        if process.returncode == 0:
            break
    # Where the last one had brought all back before it was killed there is nothing to go on with.
    with suppress(BackupRefused):
        lost.run(Recover(), from_=str(lost.copies))
    assert lost.differences() == {}
    assert not list(lost.keeper.media.parent.glob(".storekeeper-*"))


def test_no_schedule_and_no_playbook_may_recover(lost: Any) -> None:
    """It is an operator's alone: the table of actions does not have it."""
    from actions.table import ACTIONS

    assert "recover" not in ACTIONS
    lost.keeper.attributes["trigger"] = "schedule"
    with pytest.raises(StorekeeperError, match="for a person"):
        lost.run(Recover(), from_=str(lost.copies))
    assert os.path.isdir(lost.copies)


def test_the_history_holds_no_password_of_a_place(tmp_path: Path) -> None:
    """What an operator typed is kept without it."""
    from actions.runner import _told

    options = Recover().Options(from_="sftp://backup:secret@host/shop", at="2026-03-01 04:00")
    assert _told(options)["from_"] == "sftp://backup:***@host/shop"
