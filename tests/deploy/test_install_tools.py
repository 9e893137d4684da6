"""deploy/install-tools on machines that lack something: what it cannot do, it says what to type for."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "deploy" / "install-tools"
# What a bare system has; everything else is missing in the PATH that the script gets.
BARE = ("bash", "chmod", "env", "id", "rm", "sh", "sort")


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A folder of programs for PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in BARE:
        found = shutil.which(name)
        assert found
        (folder / name).symlink_to(found)
    return folder


def put(folder: Path, name: str, script: str) -> None:
    """Put a program into the folder."""
    (folder / name).unlink(missing_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def install(folder: Path, *words: str) -> tuple[int, str]:
    """Give the exit code and the last line of what the script says."""
    # A folder of its own instead of /usr/sbin, where a machine may have half of what is asked for.
    text = SCRIPT.read_text().replace("/usr/sbin", str(folder))
    done = subprocess.run(
        ["bash", "-c", text, "install-tools", *words],
        env={"PATH": str(folder)},
        executable=str(folder / "bash"),
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.returncode, (done.stderr.strip().splitlines() or [""])[-1]


LINE = "apt-get update && apt-get install --no-install-recommends prometheus prometheus-alertmanager"


def test_system_without_apt_is_told_what_is_missing(bare: Path) -> None:
    """Elsewhere than on Debian the packages are named, and where to have them."""
    code, told = install(bare)
    assert 1 == code
    assert told.startswith(
        "missing: prometheus prometheus-alertmanager. Install them from your system's packages"
    )


def test_user_who_may_not_install_is_told_the_line(bare: Path) -> None:
    """Without root's rights, and without a sudo that asks nothing, nothing is tried."""
    put(bare, "apt-get", f"touch {bare}/tried")
    put(bare, "id", "echo 1000")
    assert (
        1,
        f"could not install: {LINE.partition('recommends ')[2]}. Type: sudo sh -c '{LINE}'",
    ) == install(bare)
    assert not (bare / "tried").exists()


@pytest.mark.parametrize("apt", ["exit 100", "exit 0"])
def test_installation_that_fails_ends_with_the_line(bare: Path, apt: str) -> None:
    """Where apt fails, or ends well and the programs are still missing, the line to type comes last."""
    put(bare, "apt-get", apt)
    put(bare, "id", "echo 0")
    code, told = install(bare)
    assert 1 == code
    assert f"could not install: prometheus prometheus-alertmanager. Type: {LINE}" in told
    assert not (bare / "policy-rc.d").exists()


def test_what_is_missing_is_installed_once(bare: Path) -> None:
    """Only the packages that are missing are asked for, and a second call finds everything."""
    put(bare, "id", "echo 0")
    for name in ("prometheus", "promtool"):
        put(bare, name, "true")
    programs = " ".join(f"{bare}/{name}" for name in ("prometheus-alertmanager", "amtool"))
    put(
        bare,
        "apt-get",
        f'echo "$@" >> {bare}/asked\nfor one in {programs}; do echo > $one; chmod 755 $one; done',
    )
    assert (0, "installing: prometheus-alertmanager") == install(bare)
    assert (0, "") == install(bare)
    asked = (bare / "asked").read_text().splitlines()
    assert ["update -qq", "install --yes -qq --no-install-recommends prometheus-alertmanager"] == asked


def test_script_asks_for_nothing_here() -> None:
    """On the machine of the tests everything is there, so that the script changes nothing."""
    done = subprocess.run([SCRIPT, "--for-tests"], env=os.environ, capture_output=True, text=True, timeout=60)
    assert (0, "", "") == (done.returncode, done.stdout, done.stderr)
