"""From which size on whole archives are the wrong choice, and who says so."""

from pathlib import Path

import pytest

from actions.backups.archive_size import (
    ARCHIVE_UP_TO,
    archives_kept,
    size_up_to_doubt,
    too_large_for_archives,
)
from storekeeper.commands.media_notes import media_notes
from storekeeper.config import Config, Retention, parse_config


def config_of(folder: Path, *, media: str = "{}") -> Config:
    text = f"shop: s\nproject: .\nareas: {{media: {{path: media}}}}\nbackups: {{media: {media}}}\n"
    return parse_config(text, name="storekeeper.yml", folder=folder, environment={})


def large(folder: Path) -> None:
    """Make a folder of more than 5 GB that takes no room."""
    (folder / "media").mkdir()
    with (folder / "media" / "film.mp4").open("wb") as file:
        file.truncate(ARCHIVE_UP_TO + 1)


def test_number_of_archives_is_what_the_retention_keeps() -> None:
    """Weekly archives fill the days, the weeks and the months of a retention, each once."""
    assert archives_kept(Retention()) == 16
    assert archives_kept(Retention(daily=0, weekly=3, monthly=0)) == 3


def test_size_decides(tmp_path: Path) -> None:
    """Up to 5 GB nothing is said; above, what the archives and what restic would take, and what to write."""
    config = config_of(tmp_path)
    assert too_large_for_archives(ARCHIVE_UP_TO, config=config) == ""
    told = too_large_for_archives(100_000_000_000, config=config)
    assert "the 16 that stay would take about 1.6 TB, restic about 135.0 GB" in told
    assert "backups.media: {engine: restic}" in told
    assert too_large_for_archives(10**12, config=config_of(tmp_path, media="{engine: restic}")) == ""


def test_large_area_is_noted(tmp_path: Path) -> None:
    """check-config counts no further than it needs, and notes the wrong choice."""
    assert not list(media_notes(config_of(tmp_path)))
    large(tmp_path)
    assert size_up_to_doubt(tmp_path / "media") == ARCHIVE_UP_TO + 1
    (note,) = media_notes(config_of(tmp_path))
    assert "much for whole archives" in note


def test_notes_on_restic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing program is named with the line to type, a repository here alone, and the password."""
    monkeypatch.setenv("PATH", str(tmp_path))
    program, alone, password = media_notes(config_of(tmp_path, media="{engine: restic}"))
    assert program.endswith("type: apt-get install restic")
    assert "on this machine alone" in alone
    assert "keep a copy of it away from this machine" in password
    elsewhere = "{engine: restic, copies: ['sftp:me@host:/r'], password_file: p}"
    assert len(list(media_notes(config_of(tmp_path, media=elsewhere)))) == 1
