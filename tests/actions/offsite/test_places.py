"""What a place keeps is what was meant, or nothing; S3 finds its keys where AWS's own tools look for them."""

import datetime as dt
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import requests

from actions.offsite.aws_settings import s3_settings
from actions.offsite.copies import list_copies
from actions.offsite.copy import copy_to
from actions.offsite.fetch import fetch_copy
from actions.offsite.local_folder import LocalFolder
from actions.offsite.place import OffsitePlace
from actions.offsite.urls import without_secrets
from storekeeper.errors import ConfigurationError, OffsiteFailed
from tests.actions.offsite.cutting_proxy import CuttingProxy

CHECKOUT = Path(__file__).parents[3]
Factory = Callable[..., Any]
MOMENT = dt.datetime(2026, 3, 1, 4, 0, tzinfo=dt.UTC)


def test_damage_here_touches_nothing_there(place_url: str) -> None:
    """A source with another content than its sum replaces no copy, in a bucket as in a folder."""
    place = OffsitePlace(place_url)
    place.put(io.BytesIO(b"good"), name="backup", sha256=sha256(b"good").hexdigest())
    with pytest.raises(OffsiteFailed, match="another content than its manifest says"):
        place.put(io.BytesIO(b"bad!"), name="backup", sha256=sha256(b"good").hexdigest())
    assert (place.names(), place.read_small("backup")) == ({"backup"}, b"good")


def test_a_place_that_changes_a_bit_has_no_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that writes something else than it was given is found by reading back."""
    (tmp_path / "copies").mkdir()
    writer = LocalFolder.writer

    @contextmanager
    def flipping(self: LocalFolder, name: str, *, size_bytes: int) -> Iterator[Any]:
        with writer(self, name, size_bytes=size_bytes) as stream:
            yield stream
        path = tmp_path / "copies" / name
        path.write_bytes(path.read_bytes()[:-1] + b"?")

    monkeypatch.setattr(LocalFolder, "writer", flipping)
    with pytest.raises(OffsiteFailed, match="another content there than here"):
        OffsitePlace(str(tmp_path / "copies")).put(
            io.BytesIO(b"good"), name="backup", sha256=sha256(b"good").hexdigest()
        )
    assert list((tmp_path / "copies").iterdir()) == []


def test_a_large_object_goes_in_parts_and_comes_back_from_anywhere(place_url: str) -> None:
    """Twenty megabytes are whole there, and are read from an offset as well as from the beginning."""
    place = OffsitePlace(place_url)
    content = os.urandom(20_000_000)
    written = place.put(io.BytesIO(content), name="large", sha256=sha256(content).hexdigest())
    assert (written.sha256, written.size_bytes) == (sha256(content).hexdigest(), len(content))
    assert b"".join(place.read("large", offset=19_999_000)) == content[19_999_000:]
    assert place.sha256("large") == written.sha256


def test_a_copy_comes_back_whole_from_every_sort_of_place(
    place_url: str, make_desk: Factory, tmp_path: Path
) -> None:
    """What was copied is fetched with its manifest and sums; again, nothing is read from the place."""
    desk = make_desk(place_url)
    backup = desk.backup(MOMENT, content=os.urandom(3_000_000))
    assert copy_to(desk.context, place_url, backups=[backup]).error == ""
    place = OffsitePlace(place_url)
    (copy,) = list_copies(place)
    fetched = fetch_copy(place, copy, folder=tmp_path / "back")
    assert {one.name: one.read_bytes() for one in (tmp_path / "back").iterdir()} == {
        one.name: one.read_bytes() for one in desk.folder.iterdir()
    }
    moved: list[int] = []
    assert fetch_copy(place, copy, folder=tmp_path / "back", moved=moved.append) == fetched
    assert moved == []


def test_a_broken_line_is_told_and_what_came_is_kept(
    s3_endpoint: str, tmp_path: Path, make_desk: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The network goes half-way: nothing has a name; when it is back only the rest is asked for."""
    desk = make_desk()
    backup = desk.backup(MOMENT, content=os.urandom(30_000_000))
    with CuttingProxy(s3_endpoint, after_bytes=12_000_000) as proxy:
        for name, value in {
            "AWS_ENDPOINT_URL": proxy.url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
        }.items():
            monkeypatch.setenv(name, value)
        requests.put(f"{s3_endpoint}/shop-copies", timeout=30).raise_for_status()
        url = f"s3://shop-copies/{tmp_path.name}"
        proxy.mend()
        assert copy_to(desk.context, url, backups=[backup]).error == ""
        monkeypatch.setattr("actions.offsite.object_folder._RETRIES", 1)
        place = OffsitePlace(url)
        (copy,) = list_copies(place)
        proxy.cut()
        with pytest.raises(OffsiteFailed, match="s3://shop-copies"):
            fetch_copy(place, copy, folder=tmp_path / "back")
        assert [one.name for one in (tmp_path / "back").iterdir()] == [f".{copy.name}.partial"]
        kept = (tmp_path / "back" / f".{copy.name}.partial").stat().st_size
        assert 0 < kept < copy.manifest.size_bytes
        proxy.mend()
        assert fetch_copy(place, copy, folder=tmp_path / "back").path.read_bytes() == backup.path.read_bytes()
        assert proxy.passed_bytes < copy.manifest.size_bytes - kept + 1_000_000


def test_a_copy_that_was_flipped_there_is_refused(tmp_path: Path, make_desk: Factory) -> None:
    """One bit of a copy that is not encrypted, and nothing here has a backup's name."""
    (tmp_path / "copies").mkdir()
    url = f"file://{tmp_path}/copies"
    desk = make_desk(url)
    backup = desk.backup(MOMENT)
    copy_to(desk.context, url, backups=[backup])
    path = tmp_path / "copies" / backup.path.name
    data = bytearray(path.read_bytes())
    data[20] ^= 1
    path.write_bytes(data)
    place = OffsitePlace(url)
    with pytest.raises(OffsiteFailed, match="another content"):
        fetch_copy(place, list_copies(place)[0], folder=tmp_path / "back")
    assert list((tmp_path / "back").iterdir()) == []


def test_what_another_system_left_as_a_partial_file_is_not_gone_on_with(
    tmp_path: Path, make_desk: Factory
) -> None:
    """A partial file of other bytes, longer or shorter, ends in a whole copy after one more try at most."""
    (tmp_path / "copies").mkdir()
    url = f"file://{tmp_path}/copies"
    desk = make_desk(url)
    backup = desk.backup(MOMENT)
    copy_to(desk.context, url, backups=[backup])
    place = OffsitePlace(url)
    (copy,) = list_copies(place)
    for junk in (b"x", b"x" * 10 * copy.manifest.size_bytes):
        folder = tmp_path / f"back{len(junk)}"
        folder.mkdir()
        (folder / f".{copy.name}.partial").write_bytes(junk)
        if len(junk) == 1:
            with pytest.raises(OffsiteFailed, match="another content"):
                fetch_copy(place, copy, folder=folder)
        assert fetch_copy(place, copy, folder=folder).path.read_bytes() == backup.path.read_bytes()


def test_a_link_at_the_place_is_not_followed(tmp_path: Path) -> None:
    """A name there that leads elsewhere is no file of the place."""
    (tmp_path / "secret").write_text("root:x")
    (tmp_path / "copies").mkdir()
    (tmp_path / "copies" / "backup").symlink_to(tmp_path / "secret")
    with pytest.raises(OffsiteFailed):
        b"".join(OffsitePlace(str(tmp_path / "copies")).read("backup"))


def test_keys_come_from_a_profile(tmp_path: Path) -> None:
    """The profile that AWS_PROFILE names, its region and its address, as AWS's tools read both files."""
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "credentials").write_text(
        "[default]\naws_access_key_id = D\naws_secret_access_key = d%d\n"
        "[shop]\naws_access_key_id = A\naws_secret_access_key = s\n"
    )
    (tmp_path / ".aws" / "config").write_text(
        "[profile shop]\nregion = eu-central-1\nendpoint_url = https://minio.example\n"
    )
    home = {"HOME": str(tmp_path)}
    assert s3_settings(environment={**home, "AWS_PROFILE": "shop"}) == {
        "access_key_id": "A",
        "secret_access_key": "s",
        "region": "eu-central-1",
        "endpoint": "https://minio.example",
    }
    assert s3_settings(environment=home) == {"access_key_id": "D", "secret_access_key": "d%d"}


@pytest.mark.parametrize(
    "variable",
    ["AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI"],
)
def test_keys_in_the_environment_go_before_those_in_files(tmp_path: Path, variable: str) -> None:
    """No half of one pair is mixed with half of another."""
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "credentials").write_text(
        "[default]\naws_access_key_id = D\naws_secret_access_key = d\naws_session_token = t\n"
    )
    environment = {"HOME": str(tmp_path), variable: "E", "AWS_ENDPOINT_URL": "http://127.0.0.1:9000"}
    assert s3_settings(environment=environment) == {"endpoint": "http://127.0.0.1:9000"}


def test_a_profile_that_is_not_there_is_told(tmp_path: Path) -> None:
    """Nothing is sent with somebody else's keys."""
    with pytest.raises(ConfigurationError, match="no profile 'shop'"):
        s3_settings(environment={"HOME": str(tmp_path), "AWS_PROFILE": "shop"})


def test_fsspecs_configuration_of_s3_counts_still(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What places had there before is translated; a key that cannot be is told, not left out."""
    from fsspec.config import conf

    client = json.dumps({"region_name": "eu-west-1", "endpoint_url": "http://minio:9000"})
    monkeypatch.setitem(conf, "s3", {"key": "A", "secret": "s", "client_kwargs": client})
    assert s3_settings(environment={"HOME": str(tmp_path)}) == {
        "access_key_id": "A",
        "secret_access_key": "s",
        "region": "eu-west-1",
        "endpoint": "http://minio:9000",
    }
    monkeypatch.setitem(conf, "s3", {"key": "A", "secret": "s", "requester_pays": True})
    with pytest.raises(ConfigurationError, match="requester_pays") as told:
        s3_settings(environment={"HOME": str(tmp_path)})
    assert "'s'" not in str(told.value)


def test_what_secret_variables_hold_is_never_shown() -> None:
    """An error of a library that quotes a key loses it on its way to a person."""
    environment = {"AWS_SECRET_ACCESS_KEY": "abc/def+ghi", "AZURE_STORAGE_SAS_TOKEN": "sv=2020&sig=xyz"}
    text = "403: bad key abc/def+ghi, url https://x/?sv=2020&sig=xyz"
    told = without_secrets(text, "s3://bucket", environment=environment)
    assert told == "403: bad key ***, url https://x/?***"


@pytest.mark.thorough
@pytest.mark.parametrize("boto3", ["1.28.0", "1.34.0", "1.40.0"])
def test_places_install_beside_the_shops_own_boto3(tmp_path: Path, boto3: str) -> None:
    """pip finds versions for all of it with the boto3 that the shop has fixed."""
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet"]
    command += ["--report", str(tmp_path / "report"), f"{CHECKOUT}[offsite]", f"boto3=={boto3}"]
    subprocess.run(command, check=True, timeout=600)
    report = json.loads((tmp_path / "report").read_text())
    found = {one["metadata"]["name"]: one["metadata"]["version"] for one in report["install"]}
    assert (found["boto3"], "aiobotocore" in found, "obstore" in found) == (boto3, False, True)


def test_no_library_for_places_pins_the_shops_own(tmp_path: Path) -> None:
    """Nothing of what storekeeper asks for fixes boto3 or botocore, which the shop chooses for itself."""
    from importlib.metadata import requires

    asked = requires("storekeeper") or []
    names = {one.split(";")[0].split("[")[0].split("=")[0].split(">")[0].split("<")[0] for one in asked}
    assert {"obstore", "pyrage"} <= names
    assert not names & {"s3fs", "aiobotocore", "botocore", "boto3"}
    for name in ("obstore", "pyrage", "sshfs", "fsspec"):
        runtime = [one for one in requires(name) or [] if "extra ==" not in one]
        assert [one for one in runtime if "boto" in one] == []
