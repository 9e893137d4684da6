"""storage_info on terminals: narrow ones, without colours, with names in Khmer."""

import fcntl
import os
import pty
import re
import sqlite3
import struct
import subprocess
import sys
import termios
from contextlib import closing
from pathlib import Path

import pytest
from rich.cells import cell_len

KHMER = "ផលិតផលថ្មីៗសម្រាប់ឆ្នាំថ្មី_រូបភាពធំណាស់.jpg"
CONFIG = """\
shop: madamda
project: {folder}
databases: {{default: {{url: "sqlite:///{folder}/db.sqlite3", limit: 10KB}}}}
areas:
  media: {{path: media, limit: 1MB}}
  logs: {{path: logs}}
large_files: {{over: 1B}}
state: {folder}/state
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A shop with a file whose name is Khmer, and a database that is over its limit."""
    for folder in ("media", "logs"):
        (tmp_path / folder).mkdir()
    (tmp_path / "media" / KHMER).write_bytes(b"x" * 5000)
    (tmp_path / "media" / "evil\x1b[31m.png").write_bytes(b"x" * 50)
    with closing(sqlite3.connect(tmp_path / "db.sqlite3")) as connection:
        connection.execute("CREATE TABLE app_order (id INTEGER PRIMARY KEY, text TEXT)")
        connection.execute("INSERT INTO app_order (text) VALUES (?)", ["x" * 9000])
        connection.commit()
    path = tmp_path / "storekeeper.yml"
    path.write_text(CONFIG.format(folder=tmp_path))
    return path


def show(config: Path, *, columns: int) -> str:
    """Give what a terminal of that width is sent, without the codes for bold and dim."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    words = [sys.executable, "-P", "-m", "storekeeper", "storage_info", "--config.file", str(config)]
    environment = {**os.environ, "NO_COLOR": "1", "TERM": "xterm"}
    environment.pop("COLUMNS", None)
    with subprocess.Popen(
        words, stdin=theirs, stdout=theirs, stderr=subprocess.DEVNULL, env=environment
    ) as process:
        os.close(theirs)
        sent = b""
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:
                # Linux ends a terminal so when its last program has gone.
                break
            if not piece:
                break
            sent += piece
    os.close(ours)
    assert 0 == process.returncode
    return re.sub(r"\x1b\[[0-2]?m", "", sent.decode()).replace("\r\n", "\n")


@pytest.mark.parametrize("columns", [40, 60, 80])
def test_report_fits_the_terminal(config: Path, columns: int) -> None:
    """No line is wider than the terminal; the level is a word at any width, without any colour."""
    text = show(config, columns=columns)
    assert "\x1b" not in text
    body = text.partition("\n\n")[2].splitlines()
    assert [] == [line for line in body if cell_len(line) > columns]
    (database,) = [line for line in body if line.startswith("database default")]
    assert database.rstrip().endswith("EMERGENCY")
    assert ("█" in database) == (columns >= 80)
    assert ("10.0 KB" in database) == (columns >= 56)


def test_khmer_names_stay_whole_and_codes_are_written_out(config: Path) -> None:
    """A long Khmer name is in one line where there is room; no file name reaches the terminal's controls."""
    text = show(config, columns=100)
    assert f"media/{KHMER}" in text
    assert "media/evil\\x1b[31m.png" in text
