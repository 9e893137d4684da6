"""Places for copies, all real: a folder, an SSH server of its own, and an S3 service beside it."""

import datetime as dt
import getpass
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from actions.action import Context, Progress
from actions.backups.media_archive import write_media_backup
from storekeeper.backups import Backup, Manifest, read_manifest
from storekeeper.config import parse_config
from storekeeper.shop import Shop

BUCKET = "shop-copies"


@dataclass(frozen=True, kw_only=True)
class SSHServer:
    """A running sshd; ``folder`` is where it may write, ``home`` has the client's key and known hosts."""

    url: str
    folder: Path
    home: Path


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def running(
    command: list[str | Path], *, port: int, environment: dict[str, str] | None = None
) -> Iterator[None]:
    """Run a server until the block ends; it has to listen within twenty seconds."""
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            with socket.socket() as client:
                if client.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert process.poll() is None, f"{command[0]} ended at once"
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait()


@pytest.fixture(scope="session")
def ssh_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SSHServer]:
    """A server on the loopback that this user may log in to by key, and whose key is known."""
    base = tmp_path_factory.mktemp("sshd")
    home = base / "home"
    (home / ".ssh").mkdir(parents=True, mode=0o700)
    for key in (base / "host_key", home / ".ssh" / "id_ed25519"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    port = free_port()
    shutil.copy(home / ".ssh" / "id_ed25519.pub", base / "authorized")
    host_key = (base / "host_key.pub").read_text()
    (home / ".ssh" / "known_hosts").write_text(f"[127.0.0.1]:{port} {host_key}")
    (base / "config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {base}/host_key\nPidFile none\nUsePAM no\n"
        f"AuthorizedKeysFile {base}/authorized\nStrictModes no\nPasswordAuthentication no\n"
        "PermitRootLogin prohibit-password\nSubsystem sftp internal-sftp\n"
    )
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    sshd = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
    assert sshd, "deploy/install-tools --for-tests brings sshd"
    folder = base / "copies"
    with running([sshd, "-D", "-e", "-f", base / "config"], port=port):
        yield SSHServer(url=f"sftp://{getpass.getuser()}@127.0.0.1:{port}{folder}", folder=folder, home=home)


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """The address of an S3 service."""
    port = free_port()
    program = Path(sys.executable).with_name("moto_server")
    with running([program, "-H", "127.0.0.1", "-p", str(port)], port=port):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(params=["file", "sftp", "s3"])
def place_url(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of an empty place of each sort; what it needs to log in is in the environment."""
    if request.param == "file":
        (tmp_path / "copies").mkdir()
        return f"file://{tmp_path}/copies"
    if request.param == "sftp":
        server: SSHServer = request.getfixturevalue("ssh_server")
        monkeypatch.setenv("HOME", str(server.home))
        return f"{server.url}/{tmp_path.name}"
    monkeypatch.setenv("AWS_ENDPOINT_URL", request.getfixturevalue("s3_endpoint"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    requests.put(f"{request.getfixturevalue('s3_endpoint')}/{BUCKET}", timeout=30).raise_for_status()
    return f"s3://{BUCKET}/{tmp_path.name}"


@dataclass(frozen=True, kw_only=True)
class Desk:
    """A config with places, and a way to make backups for them; no shop is asked."""

    context: Context
    media: Path
    folder: Path
    reports: list[Progress]

    def backup(self, moment: dt.datetime, *, content: bytes = b"image") -> Backup:
        """Make a real backup of a small media folder, as of that moment."""
        (self.media / "picture.jpg").write_bytes(content)
        path = self.folder / f"media_backup_{moment:%Y%m%d_%H%M%S}.tar.gz"
        draft = Manifest(
            file=path.name, kind="media", area="media", created=moment, format="tar", sha256="", size_bytes=0
        )
        write_media_backup(self.media, context=self.context, path=path, draft=draft, expected_files=1)
        manifest = read_manifest(path)
        assert manifest is not None
        return Backup(path=path, manifest=manifest)


@pytest.fixture
def make_desk(tmp_path: Path) -> Callable[..., Desk]:
    """A factory: ``make_desk(url, ..., keep="{daily: 1}", recipients=["age1…"])``."""

    def make(*urls: str, keep: str = "null", recipients: Sequence[str] = ()) -> Desk:
        media = tmp_path / "shop" / "media"
        media.mkdir(parents=True, exist_ok=True)
        encrypt = json.dumps({"recipients": list(recipients)}) if recipients else "null"
        text = f"""
shop: test
project: {tmp_path / "shop"}
areas: {{media: {{path: media}}}}
backups:
  path: {tmp_path / "backups"}
  offsite_keep: {keep}
  offsite: {list(urls)}
  encrypt: {encrypt}
state: {tmp_path / "state"}
"""
        config = parse_config(text, name="test", folder=tmp_path, environment={})
        reports: list[Progress] = []
        context = Context(
            config=config,
            shop=Shop.of(config),
            now=lambda: dt.datetime.now(tz=dt.UTC),
            report=reports.append,
        )
        return Desk(context=context, media=media, folder=config.backups.path, reports=reports)

    return make
