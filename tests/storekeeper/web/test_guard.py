"""Users and headers before an application, by real requests."""

import base64
import http.client
from collections.abc import Callable
from pathlib import Path

import bcrypt
import pytest
import requests

from storekeeper.errors import ConfigurationError
from storekeeper.web.guard import WebConfigFile
from storekeeper.web.serve import WebServer

Serve = Callable[[Path | None], WebServer]


def users(**passwords: str) -> str:
    """Give the section of a web config with these users."""
    lines = [
        f"  {name}: '{bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()}'\n"
        for name, password in passwords.items()
    ]
    return "basic_auth_users:\n" + "".join(lines)


def ask(server: WebServer, **options: object) -> requests.Response:
    """Ask for the page."""
    return requests.get(f"http://127.0.0.1:{server.port}/", timeout=10, **options)  # type: ignore[arg-type]


def test_without_users_everybody_may_ask(serve: Serve) -> None:
    """No web config file means no password."""
    assert "hello" == ask(serve(None)).text


def test_only_the_right_password_passes(serve: Serve, tmp_path: Path) -> None:
    """Every other answer is 401, with nothing of the page in it."""
    file = tmp_path / "web.yml"
    file.write_text(users(alice="secret"), "utf-8")
    server = serve(file)
    assert (200, "hello") == (
        (answer := ask(server, auth=("alice", "secret"))).status_code,
        answer.text,
    )
    refused = [
        ask(server),
        ask(server, auth=("alice", "wrong")),
        ask(server, auth=("bob", "secret")),
        ask(server, headers={"Authorization": "Bearer secret"}),
        ask(server, headers={"Authorization": "Basic !!!"}),
        ask(server, headers={"Authorization": "Basic YWxpY2U="}),
    ]
    assert [401] * len(refused) == [answer.status_code for answer in refused]
    assert {"Unauthorized\n"} == {answer.text for answer in refused}
    assert 'Basic realm="storekeeper", charset="UTF-8"' == refused[0].headers["WWW-Authenticate"]


def test_two_authorizations_are_none(serve: Serve, tmp_path: Path) -> None:
    """Which of two headers counts could be read in two ways, so neither does."""
    file = tmp_path / "web.yml"
    file.write_text(users(alice="secret"), "utf-8")
    connection = http.client.HTTPConnection("127.0.0.1", serve(file).port, timeout=10)
    connection.putrequest("GET", "/")
    for text in ("alice:secret", "bob:wrong"):
        connection.putheader("Authorization", f"Basic {base64.b64encode(text.encode()).decode()}")
    connection.endheaders()
    assert 401 == connection.getresponse().status
    connection.close()


def test_changed_users_count_at_once(serve: Serve, tmp_path: Path) -> None:
    """A user who was taken out of the file is refused by the next request, without a restart."""
    file = tmp_path / "web.yml"
    file.write_text(users(alice="secret"), "utf-8")
    server = serve(file)
    assert 200 == ask(server, auth=("alice", "secret")).status_code
    file.write_text(users(bobby="secret"), "utf-8")
    assert 401 == ask(server, auth=("alice", "secret")).status_code
    assert 200 == ask(server, auth=("bobby", "secret")).status_code


@pytest.mark.parametrize("damage", ["basic_auth_users: [", "basic_auth_users: {eve: plain}", None])
def test_broken_file_never_opens_the_door(serve: Serve, tmp_path: Path, damage: str | None) -> None:
    """A file that becomes broken or goes away leaves the users as they were."""
    file = tmp_path / "web.yml"
    file.write_text(users(alice="secret"), "utf-8")
    server = serve(file)
    if damage is None:
        file.unlink()
    else:
        file.write_text(damage, "utf-8")
    assert 401 == ask(server).status_code
    assert 200 == ask(server, auth=("alice", "secret")).status_code


def test_broken_file_is_refused_at_the_start(tmp_path: Path) -> None:
    """Nobody starts a service with protection that does not work."""
    file = tmp_path / "web.yml"
    file.write_text("basic_auth_users: {eve: plain}", "utf-8")
    with pytest.raises(ConfigurationError):
        WebConfigFile(file)


def test_headers_stand_in_every_answer(serve: Serve, tmp_path: Path) -> None:
    """The configured headers come with pages and with refusals."""
    file = tmp_path / "web.yml"
    text = "http_server_config: {headers: {X-Frame-Options: deny}}\n"
    file.write_text(text + users(alice="secret"), "utf-8")
    server = serve(file)
    assert ["deny", "deny"] == [
        ask(server).headers["X-Frame-Options"],
        ask(server, auth=("alice", "secret")).headers["X-Frame-Options"],
    ]
