"""The key of the backups: made once, never shown, and not left beside what it opens."""

import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from storekeeper.cli import storekeeper
from storekeeper.config import load_config


def made(file: Path) -> str:
    """Make a key and return its recipient."""
    done = CliRunner().invoke(storekeeper, ["recovery-key", str(file)])
    assert done.exit_code == 0, done.output
    assert "AGE-SECRET-KEY" not in done.output
    return done.output.split()[1]


def test_ages_own_program_reads_the_key(tmp_path: Path) -> None:
    """The file is for its owner alone, and age-keygen gives the recipient that was printed."""
    recipient = made(tmp_path / "key")
    read = subprocess.run(["age-keygen", "-y", tmp_path / "key"], capture_output=True, text=True, check=True)
    assert (read.stdout.strip(), (tmp_path / "key").stat().st_mode & 0o777) == (recipient, 0o600)


def test_a_key_that_is_there_is_never_replaced(tmp_path: Path) -> None:
    """Neither a file nor what a link leads to."""
    made(tmp_path / "key")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    before = (tmp_path / "key").read_bytes()
    for name in ("key", "link"):
        done = CliRunner().invoke(storekeeper, ["recovery-key", str(tmp_path / name)])
        assert done.exit_code != 0
        assert "exists already" in str(done.exception)
    assert ((tmp_path / "key").read_bytes(), (tmp_path / "elsewhere").exists()) == (before, False)


def test_the_secret_alone_goes_to_a_printer() -> None:
    """With - the identity is on standard output, what to do with it on the other."""
    done = CliRunner().invoke(storekeeper, ["recovery-key", "-"])
    assert "AGE-SECRET-KEY-1" in done.stdout
    assert "AGE-SECRET-KEY-1" not in done.stderr
    assert "recipients: [age1" in done.stderr


def config_with(tmp_path: Path, encrypt: str) -> Path:
    path = tmp_path / "shop" / "storekeeper.yml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(
        f"shop: a\nproject: {path.parent}\nstate: {tmp_path}/state\n"
        f"backups: {{offsite: ['sftp://keeper@host/a'], encrypt: {encrypt}}}\n"
    )
    return path


def notes(path: Path) -> str:
    done = CliRunner().invoke(storekeeper, ["check-config", "--config.file", str(path)])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_copies_that_everyone_can_read_are_told(tmp_path: Path) -> None:
    """check-config says so until there is a recipient, and then asks for a second one."""
    assert "can read the copies there" in notes(config_with(tmp_path, "null"))
    recipients = [made(tmp_path / "one"), made(tmp_path / "two")]
    one = notes(config_with(tmp_path, f"{{recipients: [{recipients[0]}]}}"))
    assert ("can read" in one, "has one recipient" in one) == (False, True)
    both = notes(config_with(tmp_path, f"{{recipients: [{', '.join(recipients)}]}}"))
    assert "backups.encrypt" not in both


@pytest.mark.parametrize("place", ["shop/keys", "state", "shop/backups"])
def test_a_key_beside_the_backups_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """Below the project, the state or the backups; a key of something else is nobody's business."""
    monkeypatch.delenv("STOREKEEPER_IDENTITY_FILE", raising=False)
    (tmp_path / place).mkdir(parents=True)
    recipient = made(tmp_path / place / "identity.txt")
    other = made(tmp_path / "other")
    encrypt = f"{{recipients: [{other}, {recipient}]}}"
    assert f"{tmp_path / place / 'identity.txt'} is a key to the backups" in notes(
        config_with(tmp_path, encrypt)
    )
    assert "is a key" not in notes(config_with(tmp_path, f"{{recipients: [{other}]}}"))
    monkeypatch.setenv("STOREKEEPER_IDENTITY_FILE", "/somewhere")
    assert "$STOREKEEPER_IDENTITY_FILE is set" in notes(config_with(tmp_path, encrypt))


def test_init_makes_a_key_for_its_config(make_shop: Callable[..., Any], tmp_path: Path) -> None:
    """The recipient stands in the config, the secret in the file; a project that fails leaves no key."""
    shop = make_shop(orders=1)
    line = ["init", "--project", str(shop.project), "--python", str(shop.python)]
    line += ["--output", str(tmp_path / "storekeeper.yml"), "--recovery-key", str(tmp_path / "key")]
    (tmp_path / "nothing").mkdir()
    failed = CliRunner().invoke(storekeeper, [*line[:2], str(tmp_path / "nothing"), *line[5:]])
    assert (failed.exit_code != 0, (tmp_path / "key").exists()) == (True, False)
    done = CliRunner().invoke(storekeeper, line)
    assert done.exit_code == 0, done.output
    encrypt = load_config(tmp_path / "storekeeper.yml").backups.encrypt
    assert encrypt is not None
    assert f"# public key: {encrypt.recipients[0]}\n" in (tmp_path / "key").read_text()


@pytest.mark.parametrize("answer", ["n\n", "y\n"])
def test_init_offers_a_key_at_a_terminal_alone(
    make_shop: Callable[..., Any], tmp_path: Path, answer: str
) -> None:
    """Through a pipe it asks nothing and ends; at a terminal a person says yes or no."""
    shop = make_shop(orders=1)
    config = tmp_path / "storekeeper.yml"
    line = [sys.executable, "-m", "storekeeper", "init", "--project", shop.project, "--python", shop.python]
    line += ["--output", config]
    subprocess.run(line, check=True, capture_output=True, stdin=subprocess.DEVNULL, timeout=120)
    assert load_config(config).backups.encrypt is None
    main, side = pty.openpty()
    process = subprocess.Popen([*line, "--force"], stdin=side, stdout=side, stderr=side)
    os.close(side)
    os.write(main, answer.encode() + (f"{tmp_path}/key\n".encode() if answer == "y\n" else b""))
    told = b""
    try:
        while piece := os.read(main, 4096):
            told += piece
    except OSError:
        pass
    assert process.wait(120) == 0, told.decode()
    os.close(main)
    assert b"Make a key for it now?" in told
    assert (load_config(config).backups.encrypt is not None, (tmp_path / "key").exists()) == (
        answer == "y\n",
        answer == "y\n",
    )
