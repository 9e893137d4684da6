"""
Backups of media by restic beside whole archives: first and later runs, size on disk, check and restore.

``python -m benchmarks media [--size 2GB] [--new 0.01] [--runs 3]``

Whole command against whole command on the same files, which do not pack, as photographs do not. Each run but
the first finds a share of new files. Both engines read back what they have written before a backup counts:
the archive all of it each time, restic what is new. At the end each newest backup is restored by tar and by
restic, without storekeeper, and compared file by file.
"""

import argparse
import filecmp
import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from benchmarks.backups import _MANAGE, _STOREKEEPER, SHOP, _run
from benchmarks.measure import timed
from storekeeper.units import format_size, parse_size

ENGINES: Final = ("archive", "restic")
_FILE_BYTES: Final = 400_000


def main(arguments: list[str]) -> int:
    """Fill a folder, let both engines back it up in turn, and print their ratios."""
    parser = argparse.ArgumentParser(prog="benchmarks media", description=__doc__)
    parser.add_argument("--size", type=parse_size, default=parse_size("2GB"))
    parser.add_argument("--new", type=float, default=0.01, help="share of new bytes before each later run")
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        os.environ["SHOP_DATA_DIR"] = str(folder / "shop")
        os.environ["DJANGO_SETTINGS_MODULE"] = "madamda.settings"
        media = folder / "shop" / "media"
        media.mkdir(parents=True)
        _run(_MANAGE, str(SHOP), "migrate", "-v0")
        configs = {engine: _config(folder, engine=engine, media=media) for engine in ENGINES}
        made = 0
        for number in range(options.runs):
            wanted = options.size if number == 0 else int(options.size * options.new)
            made = _fill(media, size=wanted, first=made)
            os.sync()
            seconds = {engine: _command("backup_media", configs[engine]) for engine in ENGINES}
            sizes = {engine: _size(folder / engine / "backups") for engine in ENGINES}
            which = "first run" if number == 0 else f"run {number + 1}, {options.new:.0%} new"
            print(
                f"{which}: restic, time / archive: {seconds['restic'] / seconds['archive']:.3g};"
                f" on disk {format_size(sizes['restic'])} / {format_size(sizes['archive'])}"
                f" = {sizes['restic'] / sizes['archive']:.3g}",
                flush=True,
            )
        seconds = {engine: _command("verify_backup", configs[engine]) for engine in ENGINES}
        print(f"verify_backup of all: restic, time / archive: {seconds['restic'] / seconds['archive']:.3g}")
        _restore(folder, media=media)
    return 0


def _config(folder: Path, *, engine: str, media: Path) -> Path:
    own = folder / engine
    own.mkdir()
    config = own / "storekeeper.yml"
    config.write_text(
        f"shop: benchmark\nproject: {SHOP}\npython: {sys.executable}\nstate: {own / 'state'}\n"
        f"areas: {{media: {{path: {media}}}}}\n"
        f"backups: {{path: {own / 'backups'}, media: {{engine: {engine}}}}}\n",
        encoding="utf-8",
    )
    return config


def _command(name: str, config: Path) -> float:
    os.sync()
    return timed(lambda: _run(_STOREKEEPER, name, f"--config.file={config}"))


def _fill(media: Path, *, size: int, first: int) -> int:
    """Write files of so many bytes that do not pack; return how many there are then."""
    chance = random.Random(first)
    number = first
    while size > 0:
        path = media / f"products/{number // 500}/photo{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(chance.randbytes(min(size, _FILE_BYTES)))
        size -= _FILE_BYTES
        number += 1
    return number


def _restore(folder: Path, *, media: Path) -> None:
    (newest, *_) = sorted((folder / "archive" / "backups").glob("media_backup_*.tar.gz"), reverse=True)
    environment = {
        **os.environ,
        "RESTIC_REPOSITORY": str(folder / "restic" / "backups" / "media.restic"),
        "RESTIC_PASSWORD_FILE": str(folder / "restic" / "state" / "restic-password"),
    }
    commands = {
        "archive": ["tar", "-xzf", str(newest)],
        "restic": ["restic", "restore", "latest", "--no-cache", "--quiet", "--target", "media"],
    }
    seconds = {}
    for engine, command in commands.items():
        target = folder / f"{engine}-back"
        target.mkdir()
        os.sync()
        seconds[engine] = timed(
            lambda command=command, target=target: subprocess.run(
                command, cwd=target, env=environment, check=True, stdout=subprocess.DEVNULL
            )
        )
        names = [str(path.relative_to(media)) for path in media.rglob("*") if path.is_file()]
        _, wrong, missing = filecmp.cmpfiles(media, target / "media", names, shallow=False)
        assert not wrong and not missing, (engine, wrong[:3], missing[:3])
        shutil.rmtree(target)
    took = seconds["restic"] / seconds["archive"]
    print(f"restore of the newest, every file the same: restic, time / tar: {took:.3g}")


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
