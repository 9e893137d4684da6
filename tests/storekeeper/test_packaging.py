"""What is installed: every package, and all that lies beside the code in a checkout."""

import configparser
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest
from setuptools import find_packages

CHECKOUT = Path(__file__).parents[2]


def packages() -> set[str]:
    """Give the packages that setup.cfg lists."""
    setup = configparser.ConfigParser()
    setup.read(CHECKOUT / "setup.cfg")
    return set(setup["options"]["packages"].split())


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from a clean copy of the checkout's tracked files."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    tracked = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=CHECKOUT, capture_output=True, check=True,
    ).stdout.split(b"\0")  # fmt: skip
    for name in filter(None, (item.decode() for item in tracked)):
        if (CHECKOUT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((CHECKOUT / name).read_bytes())
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert 0 == done.returncode, done.stdout + done.stderr
    (built,) = folder.glob("*.whl")
    return built


def test_every_package_is_listed() -> None:
    """setup.cfg lists exactly the packages that there are."""
    found = {
        name
        for name in find_packages(str(CHECKOUT))
        if name.partition(".")[0] in ("storekeeper", "exporter", "actions")
    }
    assert found == {name for name in packages() if not name.startswith("storekeeper.shipped")}


def test_wheel_ships_what_lies_beside_the_code(wheel: Path) -> None:
    """Rules, runbooks, dashboards, deploy files, playbooks, templates and the sample shop are inside."""
    inside = set(zipfile.ZipFile(wheel).namelist())
    shipped = "storekeeper/shipped/"
    for folder, pattern in (
        ("alert_rules", "*.yml"),
        ("alert_rules", "runbooks/*.md"),
        ("grafana", "dashboards/*.json"),
        ("grafana", "provisioning/**/*.yml"),
        ("deploy", "**/*.yml"),
        ("examples/shop", "*.py"),
        ("examples/shop", "app/**/*.py"),
    ):
        wanted = {
            f"{shipped}{folder}/{path.relative_to(CHECKOUT / folder).as_posix()}"
            for path in (CHECKOUT / folder).glob(pattern)
            if "__pycache__" not in path.parts
        }
        assert wanted, (folder, pattern)
        assert set() == wanted - inside
    for folder in ("actions", "exporter", "storekeeper"):
        data = {
            path.relative_to(CHECKOUT).as_posix()
            for path in (CHECKOUT / folder).rglob("*")
            if path.suffix in (".yml", ".html", ".css", ".js", ".svg")
        }
        assert set() == data - inside
    leftovers = [
        name for name in inside if any(word in name for word in ("sqlite3", ".secret", "__pycache__"))
    ]
    assert [] == leftovers


def test_installed_storekeeper_needs_no_checkout(wheel: Path, tmp_path: Path) -> None:
    """Installed from the wheel alone, the command starts and finds what is shipped with it."""
    venv.create(tmp_path / "v", with_pip=True, system_site_packages=False)
    python = tmp_path / "v" / "bin" / "python"
    libraries = subprocess.run(
        [sys.executable, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--no-deps", str(wheel)], check=True, timeout=300
    )
    # The libraries that it needs come from our own environment, storekeeper itself does not.
    code = (
        "import sys; "
        f"sys.path.append({libraries!r}); "
        "import storekeeper; from storekeeper.resources import resource; "
        "print(storekeeper.__file__); "
        "names = ('alert_rules', 'deploy/prometheus/prometheus.yml', 'grafana/dashboards', 'examples/shop'); "
        "print(*map(resource, names), sep='\\n'); "
        "import storekeeper.cli; storekeeper.cli.main(['--help'])"
    )
    done = subprocess.run(
        [python, "-P", "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert 0 == done.returncode, done.stderr
    *paths, _ = done.stdout.splitlines()[:5], done.stdout
    assert all(line.startswith(str(tmp_path / "v")) for line in paths[0]), paths
    assert "backup_database" in done.stdout
