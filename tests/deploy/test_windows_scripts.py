"""The scripts for Windows, run by the cmd.exe of Wine from folders with spaces in their names."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "windows"
# Started without a command, it runs what comes in on its standard input: here its own exit code.
INTERPRETER = r"C:\windows\system32\cmd.exe"


@pytest.fixture(scope="session")
def wine(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment for Wine with a drive C: of its own."""
    base = tmp_path_factory.mktemp("wine")
    return {**os.environ, "WINEPREFIX": str(base / "drives"), "WINEDEBUG": "-all", "HOME": str(base)}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A folder with manage.py and a venv whose python notes where it was started, with which words."""
    shop = tmp_path / "a shop"
    program = shop / "venv" / "Scripts" / "python.exe"
    program.parent.mkdir(parents=True)
    (shop / "manage.py").write_text("")
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$PWD" "$@" > "{tmp_path}/noted"\n')
    program.chmod(0o755)
    return shop


def run(
    script: Path, *words: str, environment: dict[str, str], typed: str = ""
) -> "subprocess.CompletedProcess[str]":
    windows_path = "Z:" + str(script).replace("/", "\\")
    return subprocess.run(
        ["wine", "cmd", "/d", "/c", windows_path, *words],
        cwd="/",
        env=environment,
        input=typed,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("check_storage", ["storage_info"]),
        ("cleanup_expired_qr_codes", ["cleanup_expired_qr_codes", "--days=7"]),
        ("backup_database", ["backup_database", "--compress"]),
    ],
)
def test_script_runs_the_command_with_the_shops_python(
    wine: dict[str, str], shop: Path, tmp_path: Path, name: str, words: list[str]
) -> None:
    """Started from elsewhere, it goes to the shop's folder, takes the venv's python and passes words on."""
    shutil.copy(FOLDER / f"{name}.bat", shop)
    run(shop / f"{name}.bat", "--json", environment=wine)
    assert (tmp_path / "noted").read_text().splitlines() == [str(shop), "manage.py", *words, "--json"]


def test_script_finds_the_shop_above_its_own_folder(wine: dict[str, str], shop: Path, tmp_path: Path) -> None:
    """The scripts may lie together in a folder of the project."""
    (shop / "tools" / "windows").mkdir(parents=True)
    script = shutil.copy(FOLDER / "check_storage.bat", shop / "tools" / "windows")
    run(Path(script), environment=wine)
    assert (tmp_path / "noted").read_text().splitlines() == [str(shop), "manage.py", "storage_info"]


@pytest.mark.parametrize("code", [75, *(pytest.param(code, marks=pytest.mark.thorough) for code in (0, 1))])
def test_exit_code_is_passed_on(wine: dict[str, str], shop: Path, code: int) -> None:
    """The scheduler sees what the command ended with; STOREKEEPER_PYTHON names another interpreter."""
    script = shutil.copy(FOLDER / "backup_database.bat", shop)
    environment = {**wine, "STOREKEEPER_PYTHON": INTERPRETER}
    assert run(Path(script), environment=environment, typed=f"exit {code}\r\n").returncode == code


def test_without_a_shop_it_says_so(wine: dict[str, str], tmp_path: Path) -> None:
    """Far from any manage.py the script ends with 2 and a sentence instead of searching for ever."""
    script = shutil.copy(FOLDER / "check_storage.bat", tmp_path)
    done = run(Path(script), environment=wine)
    assert (done.returncode, "There is no manage.py" in done.stderr) == (2, True)
