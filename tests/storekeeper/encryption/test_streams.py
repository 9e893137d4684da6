"""What goes into age comes out of it, or nothing is believed; names lead back to their backup."""

import io
import subprocess
from pathlib import Path

import pyrage
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storekeeper.backups import MANIFEST_SUFFIX, backup_of, parse_name, plain_name, sums_name
from storekeeper.encryption import Identities, Recipients, decrypt_stream, encrypt_stream
from storekeeper.encryption.identities import parse_identities
from storekeeper.errors import BackupRefused

SECRET = pyrage.x25519.Identity.generate()
MINE = Identities(keys=(SECRET,))
RECIPIENTS = Recipients([str(SECRET.to_public())])
# age's pieces; what can go wrong goes wrong at their edges.
PIECE = 64 * 1024
SIZES = st.one_of(
    st.integers(0, 300),
    st.sampled_from([n * PIECE + d for n in (1, 2, 16) for d in (-1, 0, 1)]),
)


def encrypted(content: bytes) -> bytes:
    sink = io.BytesIO()
    encrypt_stream(io.BytesIO(content), sink, recipients=RECIPIENTS)
    return sink.getvalue()


def decrypted(data: bytes) -> bytes:
    sink = io.BytesIO()
    decrypt_stream(io.BytesIO(data), sink, identities=MINE, name="copy")
    return sink.getvalue()


@settings(deadline=None, max_examples=40)
@given(size=SIZES, seed=st.binary(min_size=1, max_size=8))
def test_content_of_every_size_comes_back(size: int, seed: bytes) -> None:
    """Nothing, a byte, and one less and one more than age's pieces."""
    content = (seed * (size // len(seed) + 1))[:size]
    assert decrypted(encrypted(content)) == content


@settings(deadline=None, max_examples=60)
@given(
    size=SIZES, where=st.floats(0, 1, exclude_max=True), how=st.sampled_from(["cut", "flip", "add", "drop"])
)
def test_whatever_was_changed_is_refused(size: int, where: float, how: str) -> None:
    """Cut anywhere, flipped anywhere, longer, or without one byte: never a content, whole or shorter."""
    data = encrypted(b"r" * size)
    at = int(where * len(data))
    changed = {
        "cut": data[:at],
        "flip": data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :],
        "add": data + b"\0" * (at + 1),
        "drop": data[:at] + data[at + 1 :],
    }[how]
    with pytest.raises(BackupRefused):
        decrypted(changed)


@pytest.mark.parametrize("size", [0, PIECE, PIECE + 1, 3_000_000])
def test_ages_own_program_agrees(tmp_path: Path, size: int) -> None:
    """What we write it reads, and what it writes we read."""
    (tmp_path / "key").write_text(f"{SECRET}\n")
    content = b"k" * size
    read = subprocess.run(
        ["age", "-d", "-i", tmp_path / "key"], input=encrypted(content), capture_output=True, check=True
    )
    written = subprocess.run(
        ["age", "-r", RECIPIENTS.texts[0]], input=content, capture_output=True, check=True
    )
    assert (read.stdout, decrypted(written.stdout)) == (content, content)


@given(st.text(alphabet="AGE-SCRTKY1abc\n# ", max_size=200))
def test_what_is_no_key_is_never_taken_for_one(text: str) -> None:
    """Any text that only looks like a key is refused with words, not with a traceback."""
    with pytest.raises(Exception, match=r"holds no identity|protected by a passphrase"):
        parse_identities(text.encode(), name="file")


@given(
    owner=st.sampled_from(["", "old_shop_", "a-b_"]),
    ending=st.sampled_from(["json", "json.gz", "dump", "sqlite3.gz"]),
    encrypted=st.booleans(),
)
def test_what_lies_beside_a_backup_leads_back_to_it(owner: str, ending: str, encrypted: bool) -> None:
    """Manifest and sums of a backup, encrypted or not, are known as its own and as no backup."""
    name = f"db_backup_{owner}20260301_040000.{ending}" + (".age" if encrypted else "")
    told = parse_name(name)
    assert told is not None
    assert (told.encrypted, plain_name(name).endswith(".age")) == (encrypted, False)
    for beside in (name + MANIFEST_SUFFIX, sums_name(name)):
        assert (backup_of(beside), parse_name(beside)) == (name, None)
    assert sums_name(name).endswith(".age") == encrypted
