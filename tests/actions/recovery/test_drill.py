"""drill: the newest set comes back in a scratch place, and everything that is wrong with it is found."""

import base64
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from actions.backup_media import BackupMedia
from actions.drill import Drill, DrillNotPassed
from actions.recovery.signing import PUBLIC_KEY, encoded, verified_payload
from storekeeper.measure.recovery import read_drills
from tests.actions.recovery.conftest import files_in, rows_in

CHECKS = """
recovery:
  checks:
    - {name: customers, sql: "SELECT count(*) FROM app_customer", expect: 2}
    - {name: canary, sql: "SELECT name FROM app_customer WHERE id = -1", expect: null}
"""


def verdicts(record: dict[str, Any]) -> dict[str, str]:
    """Return check → verdict."""
    return {check["name"]: check["verdict"] for check in record["checks"]}


def failed(kept: Any, **options: Any) -> dict[str, Any]:
    """Return the record of a drill that does not pass."""
    with pytest.raises(DrillNotPassed) as caught:
        kept.run(Drill(), **options)
    return caught.value.record


def test_a_whole_shop_is_verified_and_nothing_of_it_is_touched(backed_up: Callable[..., Any]) -> None:
    """Rows, files, the shop's own checks and page, and the operator's questions all pass; nothing stays."""
    kept = backed_up(more=CHECKS)
    before = files_in(kept.media), rows_in(kept.shop), files_in(kept.config.backups.path)
    _, outcome = kept.run(Drill())
    record = outcome.details["record"]
    assert set(verdicts(record).values()) == {"verified"}
    assert set(verdicts(record)) == {
        "a whole set",
        "the copies are whole",
        "area media",
        "database default",
        "files that rows name",
        "manage.py check",
        "page",
        "recovery.checks.customers",
        "recovery.checks.canary",
        "objective rpo",
        "objective rto",
    }
    assert list(record["stages"]) == ["find", "fetch", "files", "compare", "database", "questions"]
    assert (record["rows"], record["files"]) == (sum(map(len, rows_of(kept))), len(before[0]))
    assert before == (files_in(kept.media), rows_in(kept.shop), files_in(kept.config.backups.path))
    assert list((kept.config.state / "scratch").iterdir()) == []


def rows_of(kept: Any) -> list[list[Any]]:
    """Return one list of rows for each table of the shop's backup."""
    manifest = json.loads(next(kept.config.backups.path.glob("db_*.manifest.json")).read_text())
    return [[None] * table["rows"] for table in manifest["tables"].values()]


def test_the_record_is_signed_so_that_openssl_verifies_it(
    backed_up: Callable[..., Any], tmp_path: Path
) -> None:
    """The public key beside it verifies the payload as DSSE encodes it, and no changed one."""
    kept = backed_up()
    _, outcome = kept.run(Drill())
    path = Path(outcome.details["evidence"])
    envelope = json.loads(path.read_bytes())
    payload = verified_payload(envelope, folder=path.parent)
    assert payload is not None
    statement = json.loads(payload)
    assert {one["name"] for one in statement["subject"]} == {
        one["file"] for one in outcome.details["record"]["backups"]
    }
    signed, signature = tmp_path / "signed", tmp_path / "signature"
    signature.write_bytes(base64.b64decode(envelope["signatures"][0]["sig"]))
    for content, right in ((payload, True), (payload.replace(b"verified", b"Verified"), False)):
        signed.write_bytes(encoded(content, payload_type=envelope["payloadType"]))
        command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", path.parent / PUBLIC_KEY, "-rawin"]
        done = subprocess.run([*command, "-in", signed, "-sigfile", signature], capture_output=True)
        assert (done.returncode == 0) == right
    assert oct((path.parent / "evidence_key.pem").stat().st_mode)[-3:] == "600"
    assert "Could we come back?" in path.with_name(path.name.replace(".dsse.json", ".html")).read_text()
    assert [one.verdict for one in read_drills(kept.config.state)] == ["verified"]


def test_a_flipped_bit_fails_and_nothing_else_ran(backed_up: Callable[..., Any]) -> None:
    """What is damaged is named; checks that could not run count as inconclusive, never as passed."""
    kept = backed_up()
    path = next(kept.config.backups.path.glob("media_*.tar.gz"))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    record = failed(kept)
    assert record["verdict"] == "failed"
    assert verdicts(record)["the copies are whole"] == "failed"
    assert verdicts(record)["page"] == "inconclusive"


def test_no_set_fails_and_is_recorded(backed_up: Callable[..., Any]) -> None:
    """A shop without a backup of its files would not come back whole."""
    kept = backed_up()
    for path in kept.config.backups.path.glob("media_*"):
        path.unlink()
    record = failed(kept)
    assert (record["verdict"], verdicts(record)["a whole set"]) == ("failed", "failed")


def test_a_place_that_does_not_answer_is_inconclusive(backed_up: Callable[..., Any], tmp_path: Path) -> None:
    """It proves nothing against the backups, and nothing for them."""
    record = failed(backed_up(), from_=str(tmp_path / "not mounted"))
    assert (record["verdict"], verdicts(record)["a whole set"]) == ("inconclusive", "inconclusive")


WRONG = """
recovery:
  rpo: 1s
  page: /no-such-page
  checks:
    - {name: customers, sql: "SELECT count(*) FROM app_customer", expect: 7}
    - {name: broken, sql: "SELECT nothing", expect: 1}
    - {name: writing, sql: "DELETE FROM app_customer", expect: null}
    - {name: elsewhere, database: other, sql: "SELECT 1", expect: 1}
"""


def test_each_check_has_a_verdict_of_its_own(backed_up: Callable[..., Any]) -> None:
    """A wrong answer fails; a question that cannot be put, or would write, is inconclusive."""
    kept = backed_up(more=WRONG)
    found = verdicts(failed(kept))
    assert found["recovery.checks.customers"] == "failed"
    assert found["recovery.checks.broken"] == "inconclusive"
    assert found["recovery.checks.writing"] == "inconclusive"
    assert found["recovery.checks.elsewhere"] == "inconclusive"
    assert found["page"] == "failed"
    assert found["objective rpo"] == "failed"
    assert found["manage.py check"] == "verified"


def test_a_file_that_the_shop_has_and_the_backup_lacks_fails(
    backed_up: Callable[..., Any],
) -> None:
    """A row names it, the shop has it, the restored files do not: it would be lost."""
    kept = backed_up()
    for path in kept.config.backups.path.glob("media_*"):
        path.unlink()
    kept_bytes = {path: path.read_bytes() for path in kept.media.rglob("*") if path.is_file()}
    for path in kept_bytes:
        path.unlink()
    kept.write("products/other.jpg")
    kept.run(BackupMedia())
    # Neither has them: nothing that the shop still has would be lost, and it is said.
    _, outcome = kept.run(Drill())
    assert "missing in the shop as well" in str(outcome.details["record"])
    for path, content in kept_bytes.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    assert verdicts(failed(kept))["files that rows name"] == "failed"


def test_leftovers_of_a_killed_drill_are_gone_after_the_next(backed_up: Callable[..., Any]) -> None:
    """Files that it had restored, and its scratch database."""
    kept = backed_up()
    scratch = kept.config.state / "scratch"
    left = scratch / "storekeeper_drill_test" / "areas" / "media" / "file"
    left.parent.mkdir(parents=True)
    left.write_text("left")
    (scratch / "storekeeper_verify_test_0123.sqlite3").write_text("left")
    os.chmod(left.parent, 0)
    kept.run(Drill())
    assert list(scratch.iterdir()) == []
