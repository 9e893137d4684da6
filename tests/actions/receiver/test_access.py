"""Who may talk to the receiver."""

import base64
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import requests

from actions.receiver.person_only import needs_person
from actions.receiver.service import ReceiverService
from storekeeper.config import Config, load_config
from storekeeper.errors import ConfigurationError
from storekeeper.web.token_file import make_token_file

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
    who, by = answer.json()["who"].rsplit(", ", 1)
    # Nor does it pass for the name of a person whom the web config knows.
    assert "by the token" == by
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


def test_no_credential_no_door_on_loopback_either(serve: Callable[..., str], config: Config) -> None:
    """Where no credential is configured the receiver makes a token that only its own user can read."""
    url = serve()
    token_file = config.state / "receiver-token"
    assert 0o600 == token_file.stat().st_mode & 0o777
    wanted = {"action": "remove_files", "dry_run": True}
    for headers in ({}, bearer(""), bearer("guess-of-enough-characters"), basic("anna", "")):
        assert (
            401 == requests.post(url + "/api/v1/runs", json=wanted, headers=headers, timeout=30).status_code
        )
        for path in ("/", "/api/v1/runs", "/runs", "/page.css"):
            assert 401 == status(url + path, headers=headers)
    token = token_file.read_text().strip()
    right = bearer(token)
    assert 202 == requests.post(url + "/api/v1/runs", json=wanted, headers=right, timeout=30).status_code
    assert [200, 200] == [status(url, headers=one) for one in (right, basic("anna", token))]


def test_made_token_stays(serve: Callable[..., str], config: Config) -> None:
    """What Alertmanager was given opens the next receiver of the same state folder."""
    serve()
    token = (config.state / "receiver-token").read_text()
    make_token_file(config.state / "receiver-token")
    assert token == (config.state / "receiver-token").read_text()


FORWARDED = (
    {"x-forwarded-for": "203.0.113.9"},
    {"x-forwarded-proto": "https", "x-forwarded-host": "alerts.example"},
    {"forwarded": "for=203.0.113.9;proto=https"},
    {"via": "1.1 edge"},
    {"x-real-ip": "203.0.113.9"},
    {"cf-connecting-ip": "203.0.113.9"},
    {"host": "alerts.example"},
)


def test_metrics_are_open_for_this_machine_until_a_credential_is_configured(
    serve: Callable[..., str],
) -> None:
    """Behind a proxy, or under another name, loopback means the internet: then they are not."""
    url = serve()
    assert 200 == status(url + "/metrics")
    for headers in FORWARDED:
        assert 401 == status(url + "/metrics", headers=headers), headers
        assert 200 == status(url + "/-/healthy", headers=headers)


@pytest.mark.parametrize("headers", FORWARDED)
def test_forwarded_request_with_the_token_passes(
    headers: dict[str, str], serve: Callable[..., str], token_file: Path
) -> None:
    """A proxy before the receiver is no obstacle for who has a credential."""
    url = serve(token_file=token_file)
    assert [401, 200] == [status(url, headers=headers), status(url, headers={**headers, **bearer(TOKEN)})]


@pytest.mark.parametrize(
    ("action", "options"),
    [
        ("remove_files", {"force": True}),
        ("hang", {"keep_days": 0}),
        ("hang", {"undo": "latest"}),
        ("restore_backup", {}),
    ],
)
def test_what_only_a_known_person_may_ask_for(action: str, options: dict[str, Any]) -> None:
    """Force, restore and purge are refused to the token, whatever they are an option of."""
    assert needs_person(action, options)
    assert not needs_person("remove_files", {"force": False, "names": "*"})


def test_force_is_for_a_user_and_not_for_the_token(
    serve: Callable[..., str], token_file: Path, web_config_file: Path
) -> None:
    """The token is a machine's, also behind a user's name; a dry run with force changes nothing."""
    url = serve(token_file=token_file, web_config_file=web_config_file)

    def start(headers: dict[str, str], *, dry_run: bool = False) -> int:
        wanted = {"action": "remove_files", "options": {"force": True, "names": "x"}, "dry_run": dry_run}
        return requests.post(url + "/api/v1/runs", json=wanted, headers=headers, timeout=30).status_code

    assert [403, 403] == [start(bearer(TOKEN)), start(basic("anna", TOKEN))]
    assert [202, 202] == [start(basic("anna", "secret")), start(bearer(TOKEN), dry_run=True)]


def test_right_token_passes_beside_a_flood_without_one(
    serve: Callable[..., str], config_file: Path, message: Make
) -> None:
    """Ten clients of the same address that ask without end keep no message of Alertmanager out."""
    text = config_file.read_text().replace("receiver: {", "receiver: {requests_per_minute: 600, ")
    config_file.write_text(text)
    config = load_config(config_file)
    url = serve(config)
    token = (config.state / "receiver-token").read_text().strip()
    stop = threading.Event()
    refused = Counter[int]()

    def flood(number: int) -> None:
        headers = bearer("guess-of-enough-characters") if number % 2 else {}
        while not stop.is_set():
            refused[status(url + "/api/v1/runs", headers=headers)] += 1

    floods = [threading.Thread(target=flood, args=(number,)) for number in range(10)]
    for one in floods:
        one.start()
    while refused.total() < 700:
        time.sleep(0.05)
    answers = [
        requests.post(url + "/api/v1/alerts", json=message(), headers=bearer(token), timeout=30).status_code
        for _ in range(100)
    ]
    stop.set()
    for one in floods:
        one.join()
    assert [202] * 100 == answers
    assert set(refused) <= {401, 429}
    assert refused[429]
