"""Signatures of evidence: ours are known, changed payloads and other keys are not."""

from pathlib import Path

import pytest

from actions.recovery.signing import KEY, PUBLIC_KEY, encoded, sign, verified_payload
from storekeeper.errors import ConfigurationError


def test_the_encoding_is_that_of_the_specification() -> None:
    """The example of DSSE's protocol text."""
    assert encoded(b"hello world", payload_type="http://example.com/HelloWorld") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def test_only_our_own_key_counts(tmp_path: Path) -> None:
    """The key is made once; what it has not signed is nobody's word."""
    envelope = sign(b"payload", folder=tmp_path / "ours")
    assert verified_payload(envelope, folder=tmp_path / "ours") == b"payload"
    assert sign(b"payload", folder=tmp_path / "ours") == envelope
    other = sign(b"payload", folder=tmp_path / "other")
    assert verified_payload(other, folder=tmp_path / "ours") is None
    assert (
        verified_payload({**envelope, "payload": other["payload"] + "AA=="}, folder=tmp_path / "ours") is None
    )
    assert verified_payload({}, folder=tmp_path / "ours") is None


def test_files_of_the_key_are_private_and_a_broken_one_is_told(tmp_path: Path) -> None:
    """Nobody else reads the secret half, and what is no key is not replaced in silence."""
    sign(b"payload", folder=tmp_path)
    assert (tmp_path / KEY).stat().st_mode & 0o077 == 0
    (tmp_path / PUBLIC_KEY).unlink()
    sign(b"payload", folder=tmp_path)
    assert (tmp_path / PUBLIC_KEY).exists()
    (tmp_path / KEY).write_text("no key")
    with pytest.raises(ConfigurationError, match="not a key"):
        sign(b"payload", folder=tmp_path)
