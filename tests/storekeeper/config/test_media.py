"""``backups.media``: what it takes, and which problems it tells."""

from pathlib import Path

import pytest

from storekeeper.config import parse_config
from storekeeper.config.media import local_path
from storekeeper.errors import ConfigurationError
from storekeeper.measure.databases import Databases
from storekeeper.measure.disks import watched_paths
from storekeeper.shop import ShopDescription


def problems(media: str, folder: Path) -> str:
    text = f"shop: s\nproject: .\nareas: {{media: {{path: media}}}}\nbackups: {{media: {media}}}\n"
    with pytest.raises(ConfigurationError) as caught:
        parse_config(text, name="storekeeper.yml", folder=folder, environment={})
    return "\n".join(caught.value.problems)


@pytest.mark.parametrize(
    ("media", "told"),
    [
        ("{engine: rsync}", "backups.media.engine: 'rsync': Input should be 'archive' or 'restic'"),
        ("{repository: /srv/r}", "repository is for restic alone; write engine: restic"),
        ("{engine: restic, repository: 'ftp://host/r'}", "write a folder, or one of sftp:…"),
        (
            "{engine: restic, repositry: /srv/r}",
            "repositry: no such key; did you mean repository?",
        ),
        ("{engine: restic, repository: media/r}", "inside areas.media; keep backups apart"),
        ("{engine: restic, repository: r, copies: [r]}", "named twice; a copy lies in another place"),
        ("{engine: restic, environment: {RESTIC_PASSWORD: x}}", "RESTIC_PASSWORD is set by storekeeper"),
        ("{engine: restic, environment: {'A B': x}}", "is no name of an environment variable"),
        ("{engine: restic, environment: {A: '${NOT_SET}'}}", "the environment has no variable NOT_SET"),
    ],
)
def test_problem_says_what_to_write(media: str, told: str, tmp_path: Path) -> None:
    """Each mistake is told with its key and what to write instead."""
    assert told in problems(media, tmp_path)


def test_secrets_are_in_no_problem(tmp_path: Path) -> None:
    """Neither the password of a URL nor a key of an object store is shown."""
    told = problems(
        "{engine: restic, repository: 'ftp://me:hidden@host/r', environment: {KEY: hidden, 'A B': hidden}}",
        tmp_path,
    )
    assert "hidden" not in told + problems("{engine: restic, environment: {KEY: [hidden]}}", tmp_path)


@pytest.mark.parametrize(
    ("location", "path"),
    [
        ("/srv/r", Path("/srv/r")),
        ("r", Path("r")),
        ("local:/srv/r", Path("/srv/r")),
        ("C:\\r", Path("C:\\r")),
        ("sftp:me@host:/r", None),
        ("s3:https://host/bucket", None),
        ("rest:https://me:secret@host/", None),
    ],
)
def test_repository_of_this_machine_is_known_by_its_location(location: str, path: Path | None) -> None:
    """What restic would open as a folder is one here too."""
    assert local_path(location) == path


def test_disks_of_repositories_on_this_machine_are_watched(tmp_path: Path) -> None:
    """The repository and its copies count among the paths whose disks matter; one on a server does not."""
    media = "{engine: restic, repository: r, copies: ['/mnt/copy', 'sftp:me@host:/r']}"
    text = f"shop: s\nproject: .\nbackups: {{media: {media}}}\n"
    config = parse_config(text, name="storekeeper.yml", folder=tmp_path, environment={})
    paths = watched_paths(config, databases=Databases(config, description=ShopDescription))
    assert {tmp_path / "r", Path("/mnt/copy")} <= set(paths)
    assert all("sftp" not in str(path) for path in paths)
