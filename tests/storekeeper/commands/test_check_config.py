"""What ``storekeeper check-config`` tells of a config that is right."""

from pathlib import Path

from click.testing import CliRunner

from storekeeper.cli import storekeeper


def test_what_is_missing_is_told_as_a_note(tmp_path: Path) -> None:
    """A program or a folder that is not there is no problem of the file, but nobody is left to wonder."""
    (tmp_path / "media").mkdir()
    path = tmp_path / "storekeeper.yml"
    path.write_text(
        f"shop: a\nproject: {tmp_path}\nstate: state\npython: venv/bin/python\n"
        "databases: {default: {django: default}}\nareas: {media: {path: media}, logs: {path: logs}}\n"
    )
    done = CliRunner().invoke(storekeeper, ["check-config", "--config.file", str(path)])
    assert (0, "") == (done.exit_code, done.stderr)
    assert [
        f"{path} is in order: database default, media, logs",
        f"note: python: there is no {tmp_path}/venv/bin/python, so nobody can ask the shop",
        f"note: areas.logs.path: there is no folder {tmp_path}/logs yet",
    ] == done.stdout.splitlines()
