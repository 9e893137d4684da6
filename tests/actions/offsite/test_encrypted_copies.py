"""Copies that only a key can read: encrypted on the way, proved there, and read by age's own program."""

import datetime as dt
import hashlib
import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyrage
import pytest

from actions.action import Outcome
from actions.backups.manifest import mark_failed, mark_verified
from actions.copy_backups_offsite import CopyBackupsOffsite
from actions.offsite.copies import list_copies
from actions.offsite.fetch import fetch_copy
from actions.offsite.place import OffsitePlace
from actions.offsite.restic_password import restic_passwords_at
from storekeeper.backups import read_manifest
from storekeeper.config.media import Media
from storekeeper.encryption import Identities, Recipients
from storekeeper.encryption.identities import parse_identities
from storekeeper.encryption.streams import WrongIdentity
from storekeeper.errors import ConfigurationError, OffsiteFailed

ACTION = CopyBackupsOffsite()
Factory = Callable[..., Any]
MOMENT = dt.datetime(2026, 3, 1, 4, 0, tzinfo=dt.UTC)


class Key:
    """A key pair in a file, as its owner has it."""

    def __init__(self, folder: Path) -> None:
        secret = pyrage.x25519.Identity.generate()
        self.recipient = str(secret.to_public())
        self.file = folder / "identity.txt"
        self.file.write_text(f"# made for a test\n{secret}\n")

    @property
    def identities(self) -> Identities:
        return parse_identities(self.file.read_bytes(), name="identity.txt")


@pytest.fixture
def key(tmp_path: Path) -> Key:
    return Key(tmp_path)


def run(desk: Any) -> Outcome:
    options = ACTION.Options()
    return ACTION.perform(desk.context, options, ACTION.plan(desk.context, options))  # type: ignore[arg-type]


def test_an_encrypted_copy_is_read_by_age_and_comes_back(
    place_url: str, make_desk: Factory, key: Key, tmp_path: Path
) -> None:
    """Nothing there names a file of the shop; age's own program and fetch_copy give the same bytes back."""
    desk = make_desk(place_url, recipients=[key.recipient])
    backup = desk.backup(MOMENT, content=os.urandom(5_000_000))
    outcome = run(desk)
    name = backup.path.name
    assert outcome.details["offsite"][0]["copied"] == [f"{name}.age"]
    place = OffsitePlace(place_url)
    assert place.names() == {f"{name}.age", f"{name}.sha256.gz.age", f"{name}.age.manifest.json"}
    there = b"".join(place.read_small(each) or b"" for each in place.names())
    assert [word for word in (b"picture.jpg", backup.manifest.sha256.encode()) if word in there] == []
    (tmp_path / "copy.age").write_bytes(b"".join(place.read(f"{name}.age")))
    read = subprocess.run(
        ["age", "-d", "-i", key.file, tmp_path / "copy.age"], capture_output=True, check=True
    )
    assert read.stdout == backup.path.read_bytes()
    (copy,) = list_copies(place)
    assert (copy.problem, copy.verified) == ("", True)
    fetched = fetch_copy(place, copy, folder=tmp_path / "back", identities=key.identities)
    assert fetched.path.read_bytes() == backup.path.read_bytes()
    assert fetched.manifest == backup.manifest
    assert {one.name for one in (tmp_path / "back").iterdir()} == {one.name for one in desk.folder.iterdir()}
    again = run(desk)
    assert (again.changed, again.details["offsite"][0]["present"]) == (0, [f"{name}.age"])


def test_the_manifest_in_clear_says_what_is_listed_here(tmp_path: Path, make_desk: Factory, key: Key) -> None:
    """A key that a manifest gains later is in clear only when someone has decided so."""
    place = _folder(tmp_path)
    desk = make_desk(f"file://{place}", recipients=[key.recipient])
    backup = desk.backup(MOMENT)
    run(desk)
    said = read_manifest(place / f"{backup.path.name}.age")
    assert said is not None
    assert {key for key, value in said.model_dump().items() if value} == {
        *("tool", "version", "kind", "file", "created", "shop", "area", "format", "sha256", "size_bytes"),
        *("sums_file", "verified", "encrypted_manifest", "recipients"),
    } - ({"shop"} if not backup.manifest.shop else set())


def test_an_ssh_key_opens_a_copy(tmp_path: Path, make_desk: Factory) -> None:
    """Whoever has an SSH key needs no other one."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "id"], check=True)
    place = _folder(tmp_path)
    desk = make_desk(f"file://{place}", recipients=[(tmp_path / "id.pub").read_text().strip()])
    backup = desk.backup(MOMENT)
    run(desk)
    identities = parse_identities((tmp_path / "id").read_bytes(), name="id")
    there = OffsitePlace(str(place))
    fetched = fetch_copy(there, list_copies(there)[0], folder=tmp_path / "back", identities=identities)
    assert fetched.path.read_bytes() == backup.path.read_bytes()


def test_any_one_of_two_keys_opens_a_copy(tmp_path: Path, make_desk: Factory) -> None:
    """The owner's key and the one in the safe each do alone."""
    keys = []
    for name in ("owner", "safe"):
        (tmp_path / name).mkdir()
        keys.append(Key(tmp_path / name))
    place = _folder(tmp_path)
    desk = make_desk(f"file://{place}", recipients=[key.recipient for key in keys])
    backup = desk.backup(MOMENT)
    run(desk)
    there = OffsitePlace(str(place))
    for number, key in enumerate(keys):
        back = tmp_path / f"back{number}"
        fetched = fetch_copy(there, list_copies(there)[0], folder=back, identities=key.identities)
        assert fetched.path.read_bytes() == backup.path.read_bytes()


def test_a_wrong_key_or_none_is_told_before_anything_is_fetched(
    tmp_path: Path, make_desk: Factory, key: Key
) -> None:
    """The message names the recipients; not one byte of the archive lies here."""
    place = _folder(tmp_path)
    desk = make_desk(f"file://{place}", recipients=[key.recipient])
    desk.backup(MOMENT)
    run(desk)
    (tmp_path / "other").mkdir()
    other = Key(tmp_path / "other")
    there = OffsitePlace(str(place))
    (copy,) = list_copies(there)
    with pytest.raises(WrongIdentity, match=other.recipient):
        fetch_copy(there, copy, folder=tmp_path / "back", identities=other.identities)
    with pytest.raises(ConfigurationError, match=key.recipient):
        fetch_copy(there, copy, folder=tmp_path / "back")
    assert list((tmp_path / "back").iterdir()) == []


@pytest.mark.parametrize("damage", ["cut", "flipped", "longer"])
def test_a_damaged_copy_never_gets_a_name_here(
    tmp_path: Path, make_desk: Factory, key: Key, damage: str
) -> None:
    """What is cut, flipped or longer there is refused, and nothing of it is left under a backup's name."""
    place = _folder(tmp_path)
    desk = make_desk(f"file://{place}", recipients=[key.recipient])
    backup = desk.backup(MOMENT, content=os.urandom(300_000))
    run(desk)
    path = place / f"{backup.path.name}.age"
    data = path.read_bytes()
    middle = len(data) // 2
    path.write_bytes(
        {
            "cut": data[:-100],
            "flipped": data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :],
            "longer": data + b"more",
        }[damage]
    )
    there = OffsitePlace(str(place))
    with pytest.raises(OffsiteFailed, match="another content"):
        fetch_copy(there, list_copies(there)[0], folder=tmp_path / "back", identities=key.identities)
    assert [one.name for one in (tmp_path / "back").iterdir() if "tar.gz" in one.name] == []


def test_a_fetch_goes_on_where_it_was_killed(tmp_path: Path, make_desk: Factory, key: Key) -> None:
    """After kill -9 half-way only the rest is read again, and the result is the same."""
    place = _folder(tmp_path)
    desk = make_desk(f"file://{place}", recipients=[key.recipient])
    backup = desk.backup(MOMENT, content=os.urandom(20_000_000))
    run(desk)
    code = f"""
import os, signal
from pathlib import Path
from actions.offsite.copies import list_copies
from actions.offsite.fetch import fetch_copy
from actions.offsite.place import OffsitePlace
from storekeeper.encryption import read_identities
place = OffsitePlace({str(place)!r})
came = 0
def moved(count):
    global came
    came += count
    if came > 10_000_000: os.kill(os.getpid(), signal.SIGKILL)
fetch_copy(place, list_copies(place)[0], folder=Path({str(tmp_path / "back")!r}),
           identities=read_identities({str(key.file)!r}), moved=moved)
"""
    killed = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[3])
    assert killed.returncode == -signal.SIGKILL
    partial = tmp_path / "back" / f".{backup.path.name}.age.partial"
    kept = partial.stat().st_size
    assert kept > 0
    there = OffsitePlace(str(place))
    asked: list[int] = []
    read = there.read

    def reading(name: str, *, offset: int = 0) -> Any:
        asked.append(offset)
        return read(name, offset=offset)

    there.read = reading  # type: ignore[method-assign]
    fetched = fetch_copy(there, list_copies(there)[0], folder=tmp_path / "back", identities=key.identities)
    assert (asked[0], fetched.path.read_bytes()) == (kept, backup.path.read_bytes())
    assert not partial.exists()


def test_bytes_that_do_not_decrypt_are_no_copy(
    tmp_path: Path, key: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where encryption itself goes wrong, the copy is refused though its bytes arrived as they were sent."""
    place = _folder(tmp_path)

    def broken(source: Any, sink: Any, *, recipients: Recipients) -> None:
        while data := source.read(1 << 20):
            sink.write(data)

    monkeypatch.setattr("actions.offsite.place.encrypt_stream", broken)
    with pytest.raises(OffsiteFailed, match="cannot be decrypted"):
        OffsitePlace(str(place)).put(
            io.BytesIO(b"rows"),
            name="backup.age",
            sha256=hashlib.sha256(b"rows").hexdigest(),
            recipients=Recipients([key.recipient]),
        )
    assert list(place.iterdir()) == []


def test_a_later_verification_reaches_the_encrypted_copy(
    tmp_path: Path, make_desk: Factory, key: Key
) -> None:
    """The clear manifest says so without the words of the error; the archive is not copied again."""
    place = _folder(tmp_path)
    desk = make_desk(f"file://{place}", recipients=[key.recipient])
    backup = desk.backup(MOMENT)
    failed = mark_failed(backup.path, backup.manifest, error="customer 7 is missing")
    run(desk)
    there = OffsitePlace(str(place))
    assert not list_copies(there)[0].verified
    assert "customer 7" not in (place / f"{backup.path.name}.age.manifest.json").read_text()
    archive = (place / f"{backup.path.name}.age").read_bytes()
    mark_verified(backup.path, failed, at=MOMENT, by="a trial")
    run(desk)
    (copy,) = list_copies(there)
    assert (copy.verified, (place / copy.name).read_bytes()) == (True, archive)
    fetched = fetch_copy(there, copy, folder=tmp_path / "back", identities=key.identities)
    assert (fetched.manifest.verified, fetched.manifest.verification_error) == (MOMENT, "")


def test_copies_from_before_stay_and_are_told(tmp_path: Path, make_desk: Factory, key: Key) -> None:
    """Encryption that is switched on removes nothing there: what can be read is said, new ones cannot."""
    place = _folder(tmp_path)
    desk = make_desk(f"file://{place}")
    old = desk.backup(MOMENT)
    run(desk)
    desk = make_desk(f"file://{place}", recipients=[key.recipient])
    new = desk.backup(MOMENT + dt.timedelta(days=1))
    outcome = run(desk)
    assert "1 there can be read without a key" in outcome.summary
    assert outcome.details["offsite"][0]["present"] == [old.path.name]
    assert (place / old.path.name).is_file()
    assert not (place / new.path.name).exists()
    for name in (old.path.name, f"{old.path.name}.manifest.json", f"{old.path.name}.sha256.gz"):
        (place / name).unlink()
    assert run(desk).details["offsite"][0]["copied"] == [f"{old.path.name}.age"]


def test_another_shops_encrypted_backup_of_the_same_name_stays(
    tmp_path: Path, make_desk: Factory, key: Key
) -> None:
    """A copy of another moment under the same name is not replaced."""
    place = _folder(tmp_path)
    desk = make_desk(f"file://{place}", recipients=[key.recipient])
    desk.backup(MOMENT)
    run(desk)
    before = {one.name: one.read_bytes() for one in place.iterdir()}
    for one in desk.folder.iterdir():
        one.unlink()
    desk.backup(MOMENT + dt.timedelta(microseconds=1))
    with pytest.raises(OffsiteFailed, match="another backup named"):
        run(desk)
    assert {one.name: one.read_bytes() for one in place.iterdir()} == before


def test_a_copy_that_was_killed_before_its_manifest_is_made_again(
    tmp_path: Path, make_desk: Factory, key: Key
) -> None:
    """Half of a set counts for nothing: no manifest, no copy; the next run brings a whole one."""
    place = _folder(tmp_path)
    desk = make_desk(f"file://{place}", recipients=[key.recipient])
    backup = desk.backup(MOMENT)
    run(desk)
    (place / f"{backup.path.name}.age").write_bytes(b"half")
    run(desk)
    there = OffsitePlace(str(place))
    fetched = fetch_copy(there, list_copies(there)[0], folder=tmp_path / "back", identities=key.identities)
    assert fetched.path.read_bytes() == backup.path.read_bytes()


def test_memory_does_not_grow_with_an_encrypted_copy(tmp_path: Path, key: Key) -> None:
    """A file of 200 MB is encrypted, read back and proved within a few ten megabytes."""
    place = _folder(tmp_path)
    (tmp_path / "large").write_bytes(b"")
    os.truncate(tmp_path / "large", 200_000_000)
    code = f"""
import hashlib, resource
from pathlib import Path
from actions.offsite.place import OffsitePlace
from storekeeper.encryption import Recipients
path = Path({str(tmp_path / "large")!r})
place, recipients = OffsitePlace({str(place)!r}), Recipients([{key.recipient!r}])
with path.open("rb") as file: sha256 = hashlib.file_digest(file, "sha256").hexdigest()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with path.open("rb") as file: place.put(file, name="x.age", sha256=sha256, recipients=recipients)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(done.stdout) < 64_000


def test_the_password_of_restic_goes_with_the_copies(tmp_path: Path, make_desk: Factory, key: Key) -> None:
    """Encrypted and once for each password; a place that everyone can read never gets it."""
    place = _folder(tmp_path)
    word = tmp_path / "word"
    word.write_bytes(b"correct horse\n")

    def copied(recipients: list[str]) -> set[str]:
        desk = make_desk(f"file://{place}", recipients=recipients)
        media = Media(engine="restic", password_file=word)
        backups = desk.context.config.backups.model_copy(update={"media": media})
        config = desk.context.config.model_copy(update={"backups": backups})
        desk = replace(desk, context=replace(desk.context, config=config))
        run(desk)
        return {one.name for one in place.iterdir() if "restic-password" in one.name}

    assert copied([]) == set()
    (name,) = copied([key.recipient])
    before = (place / name).read_bytes()
    assert copied([key.recipient]) == {name}
    assert (place / name).read_bytes() == before
    read = subprocess.run(["age", "-d", "-i", key.file, place / name], capture_output=True, check=True)
    assert read.stdout == b"correct horse\n"
    word.write_bytes(b"another\n")
    assert len(copied([key.recipient])) == 2
    found = restic_passwords_at(OffsitePlace(str(place)), shop="test", identities=key.identities)
    assert sorted(found) == [b"another\n", b"correct horse\n"]


def _folder(tmp_path: Path) -> Path:
    (tmp_path / "copies").mkdir()
    return tmp_path / "copies"
