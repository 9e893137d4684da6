"""Who may talk to the receiver."""

import base64
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import requests

from actions.receiver.service import ReceiverService
from storekeeper.config import Config
from storekeeper.errors import ConfigurationError

TOKEN = "a-token-of-enough-characters"  # as in token_file
Make = Callable[..., dict[str, Any]]


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def basic(user: str, password: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def status(url: str, **options: Any) -> int:
    return requests.get(url, timeout=30, **options).status_code


def test_token_opens_everything_and_nothing_opens_without(
    serve: Callable[..., str], token_file: Path, message: Make
) -> None:
    """Only health and readiness are open; a browser may give the token as a password."""
    url = serve(token_file=token_file)
    for path in ("/", "/page.css", "/metrics", "/api/v1/runs", "/runs/x", "/no/such/page"):
        assert 401 == status(url + path)
        assert 401 == status(url + path, headers=bearer("wrong-token-of-enough-characters"))
        assert 401 == status(url + path, headers=bearer(""))
    assert [200, 200] == [status(url + path) for path in ("/-/healthy", "/-/ready")]
    assert [200, 200] == [status(url + "/metrics", headers=h) for h in (bearer(TOKEN), basic("x", TOKEN))]
    posted = {"json": message(), "timeout": 30}
    assert 401 == requests.post(url + "/api/v1/alerts", **posted).status_code
    assert 202 == requests.post(url + "/api/v1/alerts", headers=bearer(TOKEN), **posted).status_code


def test_token_is_read_again_when_it_changes(serve: Callable[..., str], token_file: Path) -> None:
    """A new token counts at once; an empty file leaves the last one."""
    url = serve(token_file=token_file)
    token_file.write_text("another-token-of-enough-characters")
    assert 401 == status(url + "/metrics", headers=bearer(TOKEN))
    assert 200 == status(url + "/metrics", headers=bearer("another-token-of-enough-characters"))
    token_file.write_text("")
    assert 401 == status(url + "/metrics", headers=bearer(""))
    assert 200 == status(url + "/metrics", headers=bearer("another-token-of-enough-characters"))


def test_users_and_token_side_by_side(
    serve: Callable[..., str], token_file: Path, web_config_file: Path
) -> None:
    """People come with their passwords, Alertmanager with the token; runs name who started them."""
    url = serve(token_file=token_file, web_config_file=web_config_file)
    assert 401 == status(url + "/metrics")
    assert 401 == status(url + "/metrics", headers=basic("anna", "wrong"))
    assert 200 == status(url + "/metrics", headers=basic("anna", "secret"))
    assert 200 == status(url + "/metrics", headers=bearer(TOKEN))
    wanted = {"action": "remove_files", "dry_run": True}
    for headers, who in ((basic("anna", "secret"), "anna"), (bearer(TOKEN), "the holder of the token")):
        answer = requests.post(url + "/api/v1/runs", json=wanted, headers=headers, timeout=30)
        assert (202, who) == (answer.status_code, answer.json()["who"])


def test_name_given_with_the_token_draws_on_no_terminal(serve: Callable[..., str], token_file: Path) -> None:
    """With the token as password any name passes; what is kept of it is short and printable."""
    url = serve(token_file=token_file)
    name = "a\n\x1b[2J\x9b31m" + "x" * 500
    wanted = {"action": "remove_files", "dry_run": True}
    answer = requests.post(url + "/api/v1/runs", json=wanted, headers=basic(name, TOKEN), timeout=30)
    who = answer.json()["who"]
    assert (202, True, 64) == (answer.status_code, who.isprintable(), len(who))
    assert who.startswith("a\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}[2J")


def test_refusal_says_where_the_token_goes(serve: Callable[..., str], token_file: Path) -> None:
    """Alertmanager's log shows the answer: it names the key of its config."""
    answer = requests.post(serve(token_file=token_file) + "/api/v1/alerts", json={}, timeout=30)
    assert (401, True) == (
        answer.status_code,
        "http_config: {authorization: {credentials_file" in answer.text,
    )


def test_other_sites_are_refused_even_with_credentials(
    serve: Callable[..., str], web_config_file: Path
) -> None:
    """A browser adds a password by itself, so a foreign page must not profit from it."""
    url = serve(web_config_file=web_config_file)
    headers = {**basic("anna", "secret"), "origin": "https://evil.example"}
    answer = requests.post(url + "/start", data={"action": "remove_files"}, headers=headers, timeout=30)
    assert 403 == answer.status_code


def test_refuses_to_be_open_to_other_machines(
    config: Config, sample_actions: ModuleType, tmp_path: Path
) -> None:
    """Beyond loopback without authentication it does not start, and says what to give."""
    for listen in (["0.0.0.0:0"], [":0"], ["127.0.0.1:0", "[::]:0"]):
        with pytest.raises(ConfigurationError) as caught:
            ReceiverService(config, actions=sample_actions.ACTIONS, listen=listen)
        assert 2 == caught.value.exit_code
        assert "token_file" in str(caught.value)
    (tmp_path / "short").write_text("short")
    with pytest.raises(ConfigurationError, match="fewer than 16 characters"):
        ReceiverService(config, actions=sample_actions.ACTIONS, token_file=tmp_path / "short")


def test_users_taken_away_close_it(serve: Callable[..., str], web_config_file: Path) -> None:
    """When the last user is removed from the file of a receiver that others can reach, nobody gets in."""
    url = serve(web_config_file=web_config_file, listen=["0.0.0.0:0"])
    assert 200 == status(url + "/metrics", headers=basic("anna", "secret"))
    web_config_file.write_text("basic_auth_users: {}\n")
    assert 401 == status(url + "/metrics")
    assert 401 == status(url + "/metrics", headers=basic("anna", "secret"))
