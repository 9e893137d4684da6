"""Recipients in the config: public keys alone."""

from pathlib import Path

import pyrage
import pytest

from storekeeper.config import parse_config
from storekeeper.errors import ConfigurationError

SECRET = pyrage.x25519.Identity.generate()


def problem(recipient: str) -> str:
    text = f"shop: test\nbackups: {{encrypt: {{recipients: ['{recipient}']}}}}\n"
    with pytest.raises(ConfigurationError) as told:
        parse_config(text, name="test", folder=Path("/"), environment={})
    return str(told.value)


@pytest.mark.parametrize("text", [str(SECRET), str(SECRET).lower()], ids=["upper", "lower"])
def test_a_secret_key_in_the_config_is_refused_and_not_shown(text: str) -> None:
    """The one thing that must not lie there is named as what it is, and no message repeats it."""
    told = problem(text)
    assert "secret half" in told
    assert text[16:30] not in told


@pytest.mark.parametrize(
    "text",
    ["age1nothing", "someone@example.com", str(SECRET.to_public())[:-1] + "q"],
    ids=["word", "mail", "typing error"],
)
def test_what_is_no_recipient_is_told(text: str) -> None:
    """A typing error is found by the checksum in the key, before anything is encrypted to no one."""
    assert "no recipient of age" in problem(text)


def test_recipients_are_taken_as_they_are() -> None:
    """Spaces around a key are nothing of it."""
    recipient = str(SECRET.to_public())
    config = parse_config(
        f"shop: test\nbackups: {{encrypt: {{recipients: [' {recipient} ']}}}}\n",
        name="test",
        folder=Path("/"),
        environment={},
    )
    assert config.backups.encrypt is not None
    assert config.backups.encrypt.recipients == (recipient,)
