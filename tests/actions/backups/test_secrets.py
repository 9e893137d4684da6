"""The database's password and the shop's secret key: in no argument, output, history, manifest or backup."""

import gzip
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tests.actions.conftest import Keeper, keep

PASSWORD = "pA55-ផ្សារ/of:the@database"
PROGRAMS = ("pg_dump", "pg_restore")


@pytest.fixture
def role(postgresql_server: Any) -> Iterator[str]:
    """Give a user of the server who has a password."""
    name = sql.Identifier("with_password")
    with psycopg.connect(postgresql_server.uri, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN SUPERUSER PASSWORD {}").format(name, PASSWORD))
        yield "with_password"
        connection.execute(sql.SQL("DROP ROLE {}").format(name))


@pytest.fixture
def arguments(tmp_path: Path) -> Path:
    """Give the file that ``telling`` programs write their arguments to."""
    return tmp_path / "arguments.txt"


def telling(program: Path | str, path: Path, *, arguments: Path, before: str = "") -> None:
    """Put a script at ``path`` that notes what the program is given, and runs it."""
    path.write_text(
        f'#!/bin/sh\n{before}echo {path.name} "$@" >> {shlex.quote(str(arguments))}\n'
        f'exec {shlex.quote(str(program))} "$@"\n'
    )
    path.chmod(0o700)


@pytest.fixture
def kept(
    make_shop: Callable[..., Any], postgresql_server: Any, role: str, arguments: Path, tmp_path: Path
) -> Keeper:
    """Give a shop that enters its database with the password; what we start tells its arguments."""
    shop = make_shop("postgresql", orders=5)
    quoted = "".join(f"%{byte:02X}" for byte in PASSWORD.encode())
    url = shop.database_url.replace("postgres:@", f"{role}:{quoted}@")
    assert quoted in url
    shop.environment["SHOP_DATABASE_URL"] = url
    kept = keep(shop, tmp_path / "state")
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in PROGRAMS:
        telling(postgresql_server.programs / name, programs / name, arguments=arguments)
    python = kept.config.state / "python"
    exports = "".join(f"{line}\n" for line in python.read_text().splitlines() if line.startswith("export"))
    telling(sys.executable, python, arguments=arguments, before=exports)
    return kept


def content_of(path: Path) -> bytes:
    """Give what a file says, unpacked where it is packed."""
    content = path.read_bytes()
    return gzip.decompress(content) if path.suffix == ".gz" else content


def test_secrets_stay_where_they_are(kept: Keeper, arguments: Path, tmp_path: Path) -> None:
    """Backups of both formats, their trials, an optimisation and the checklist tell neither."""
    secrets = [PASSWORD, (kept.shop.data / ".secret_key").read_text().strip()]
    secrets += ["".join(f"%{byte:02X}" for byte in PASSWORD.encode())]
    output = ""
    for command in (
        ["backup_database", "--format=both", "--verify"],
        ["optimize_database"],
        ["checklist", "--monthly"],
        ["runs"],
        ["storage_info"],
    ):
        done = subprocess.run(
            [sys.executable, "-m", "storekeeper", *command, "--config.file",
             str(kept.config.state / "storekeeper.yml")],
            env={**os.environ, "PATH": f"{tmp_path / 'programs'}{os.pathsep}{os.environ['PATH']}"},
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode in (0, 1) and "Traceback" not in done.stderr, done.stderr
        output += done.stdout + done.stderr
    # It was the password's own user whose backups these are, by the programs that we watch.
    told = arguments.read_text()
    assert {*PROGRAMS, "python"} <= {line.partition(" ")[0] for line in told.splitlines()}
    assert "with_password" in told
    made = [path for path in kept.config.state.rglob("*") if path.is_file() and path.name != "python"]
    assert {".gz", ".dump", ".json", ".sqlite3"} <= {path.suffix for path in made}
    for secret in secrets:
        assert secret and secret not in told + output
        assert [] == [path.name for path in made if secret.encode() in content_of(path)]
