"""What the tests of restic share: a shop whose media goes to a repository of its own."""

import dataclasses
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from actions.backups.restic.repository import Repository, repository_of
from actions.backups.restic.snapshots import open_or_make
from storekeeper.config import load_config
from storekeeper.shop import Shop
from tests.actions.restic.quick_key import make_quick


@dataclasses.dataclass(kw_only=True)
class Restic:
    """A keeper with ``engine: restic``, and restic itself beside it as an operator would use it."""

    keeper: Any

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, **repository_of(self.keeper.config).variables()}

    @property
    def path(self) -> Path:
        path = repository_of(self.keeper.config).path
        assert path is not None
        return path

    def __call__(self, *arguments: str, check: bool = True) -> str:
        """Run restic on the repository; return what it said."""
        done = subprocess.run(
            ["restic", *arguments, "--no-cache"],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert not check or done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    def ids(self) -> list[str]:
        """Return the ids of all snapshots, the oldest first."""
        return [one["id"] for one in json.loads(self("snapshots", "--json")) or []]

    def restored(self, snapshot: str, *, to: Path) -> dict[str, bytes]:
        """Restore a snapshot by restic alone; return name → content of each file."""
        self("restore", snapshot, "--target", str(to))
        return contents(to)

    @contextmanager
    def held(self) -> Iterator[int]:
        """Hold the repository as a living restic does; yield its process id."""
        with hold(self.environment, locks=self.path / "locks") as holder:
            yield holder.pid


@contextmanager
def hold(environment: dict[str, str], *, locks: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Yield a restic that waits for its input and holds the repository meanwhile; it is killed at the end."""
    holder = subprocess.Popen(
        ["restic", "backup", "--stdin"], env=environment, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    try:
        while not any(locks.iterdir()):
            time.sleep(0.02)
        yield holder
    finally:
        holder.kill()
        holder.communicate()


def contents(root: Path) -> dict[str, bytes]:
    """Return name → content of each regular file below a folder."""
    return {
        os.path.relpath(path, root): path.read_bytes()
        for path in (Path(folder, name) for folder, _, names in os.walk(root) for name in names)
        if not path.is_symlink()
    }


@pytest.fixture(scope="session")
def empty_repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """A repository without snapshots that opens at once, to be copied."""
    folder = tmp_path_factory.mktemp("restic")
    repository = Repository(location=str(folder / "repository"), password_file=folder / "password")
    open_or_make(repository)
    done = subprocess.run(
        ["restic", "cat", "masterkey", "--no-cache"],
        env={**os.environ, **repository.variables()},
        capture_output=True,
        text=True,
        check=True,
    )
    make_quick(
        folder / "repository",
        master_key=done.stdout.strip(),
        password=repository.password_file.read_text().strip(),
    )
    return repository


@pytest.fixture
def make_restic(make_keeper: Callable[..., Any], empty_repository: Repository) -> Callable[..., Restic]:
    """
    A factory: ``make_restic(media="repository: …")``.

    With ``quick`` its repository is there already and opens at once.
    """

    def make(media: str = "", *, quick: bool = True) -> Restic:
        keeper = make_keeper("sqlite", orders=3, options=("--expired-share=0",))
        file = keeper.config.state / "storekeeper.yml"
        text = file.read_text()
        backups = keeper.config.backups.path
        file.write_text(
            text.replace(
                f"backups: {{path: {backups}}}",
                f"backups: {{path: {backups}, media: {{engine: restic, {media}}}}}",
            )
        )
        keeper.config = load_config(file, environment={})
        # What the shop says of itself is asked once: to start Django takes longer than all that restic does.
        shop = Shop.of(keeper.config)
        description = shop.describe()
        shop.describe = lambda *, stay=False: description
        context = keeper.context
        keeper.context = lambda: dataclasses.replace(context(), shop=shop)
        made = Restic(keeper=keeper)
        if quick:
            assert empty_repository.path is not None
            shutil.copytree(empty_repository.path, made.path)
            shutil.copy(empty_repository.password_file, repository_of(keeper.config).password_file)
        return made

    return make


@pytest.fixture
def restic(make_restic: Callable[..., Restic]) -> Restic:
    return make_restic()


@pytest.fixture
def with_restic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """A factory: from now on ``restic`` is a script around the real one, which ``$real`` names."""

    def install(script: str) -> None:
        real = shutil.which("restic")
        program = tmp_path / "bin" / "restic"
        program.parent.mkdir()
        program.write_text(f"#!/bin/sh\nreal={real}\n{script}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")

    return install
