"""The limit of requests and of guesses: the buckets alone, and in front of a receiver."""

import base64
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from actions.receiver.rate_limit import RateLimit, client_of
from storekeeper.config import load_config

TOKEN = "a-token-of-enough-characters"
Make = Callable[..., dict[str, Any]]


class Seconds:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_bucket_empties_and_fills_again() -> None:
    """A client has its minute's worth at once, then one each time a share of a minute has passed."""
    clock = Seconds()
    limit = RateLimit(per_minute=6, clock=clock)
    assert [0.0] * 6 == [limit.take("a") for _ in range(6)]
    assert pytest.approx(10) == limit.take("a")
    assert 0 == limit.take("b")
    clock.now += 9
    assert pytest.approx(1) == limit.take("a")
    clock.now += 1.001
    assert 0 == limit.take("a")
    assert limit.take("a") > 0
    clock.now += 1e9
    assert [0.0] * 6 == [limit.take("a") for _ in range(6)]
    assert limit.take("a") > 0


def test_what_is_given_back_never_adds_up() -> None:
    """A bucket that is given more than was taken is full, not more."""
    limit = RateLimit(per_minute=2, clock=Seconds())
    for _ in range(10):
        limit.give_back("a")
    assert [True, True, False] == [limit.take("a") == 0 for _ in range(3)]


def test_a_million_clients_are_not_kept() -> None:
    """Of more clients than are kept, the one that was silent for longest is forgotten."""
    limit = RateLimit(per_minute=1, clock=Seconds(), most_clients=3)
    for number in range(1000):
        assert 0 == limit.take(str(number))
    assert 3 == len(limit._buckets)
    assert limit.take("999") > 0


@pytest.mark.parametrize(
    ("address", "client"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("a name", "a name"),
    ],
)
def test_client_is_an_address_or_a_network(address: str, client: str) -> None:
    """Whoever has one IPv6 address has 2^64 of them, and they count as one client."""
    assert client == client_of((address, 4711))


@pytest.fixture
def start(
    serve: Callable[..., str], config_file: Path, token_file: Path, web_config_file: Path
) -> Callable[[str], str]:
    """Start a receiver with these keys, the token and the user anna, password secret; give its URL."""

    def make(keys: str) -> str:
        text = config_file.read_text()
        config_file.write_text(text.replace("receiver: {", f"receiver: {{{keys}, "))
        return serve(load_config(config_file), token_file=token_file, web_config_file=web_config_file)

    return make


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def basic(user: str, password: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def status(url: str, headers: dict[str, str]) -> int:
    return requests.get(url, headers=headers, timeout=30).status_code


def test_guessing_ends_and_known_users_still_pass(start: Callable[..., str], message: Make) -> None:
    """After its failed logins a client must wait, while known credentials from the same address pass."""
    url = start("failed_logins_per_minute: 5")
    assert 200 == status(url + "/metrics", basic("anna", "secret"))
    guesses = [status(url + "/metrics", basic("anna", f"guess {number}")) for number in range(8)]
    assert [401] * 5 + [429] * 3 == guesses
    refused = requests.get(url + "/metrics", headers=bearer("guess-of-enough-characters"), timeout=30)
    assert (429, "Wait: too many failed logins.\n") == (refused.status_code, refused.text)
    assert 1 <= int(refused.headers["retry-after"]) <= 12
    # Not even the right password, while it is not known to be: each would be a guess more.
    assert 429 == status(url + "/metrics", basic("bob", "secret"))
    assert [200, 200, 200] == [
        status(url + "/metrics", headers)
        for headers in (basic("anna", "secret"), bearer(TOKEN), basic("x", TOKEN))
    ]
    posted = {"json": message(), "timeout": 30}
    assert 202 == requests.post(url + "/api/v1/alerts", headers=bearer(TOKEN), **posted).status_code
    # Alertmanager sends a message again after 503 alone.
    assert 503 == requests.post(url + "/api/v1/alerts", headers=basic("anna", "no"), **posted).status_code
    assert 200 == status(url + "/-/healthy", basic("anna", "no"))


def test_guesses_at_the_same_time_are_counted_before_they_are_checked(start: Callable[..., str]) -> None:
    """Forty guesses sent together are no more than the five that are allowed."""
    url = start("failed_logins_per_minute: 5")
    with ThreadPoolExecutor(40) as pool:
        guesses = list(pool.map(lambda n: status(url + "/metrics", basic("anna", f"guess {n}")), range(40)))
    assert 5 == guesses.count(401)
    assert 35 == guesses.count(429)


def test_right_logins_use_nothing_up(start: Callable[..., str]) -> None:
    """Many people who log in rightly from one address are no attack."""
    url = start("failed_logins_per_minute: 2")
    asked = [*[basic("anna", "secret")] * 5, *[basic(f"user{number}", TOKEN) for number in range(5)]]
    assert [200] * 10 == [status(url + "/metrics", headers) for headers in asked]
    assert [401, 401, 429] == [status(url + "/metrics", basic("anna", "no")) for _ in range(3)]


def test_client_that_asks_without_end_is_told_to_wait(start: Callable[..., str], message: Make) -> None:
    """Above its requests of a minute a client gets 429, its alerts 503, and the health page goes on."""
    url = start("requests_per_minute: 60")
    with requests.Session() as session:
        session.headers.update(bearer(TOKEN))
        asked = [session.get(url + "/metrics", timeout=30).status_code for _ in range(70)]
        assert 200 == asked[0]
        assert 60 <= asked.count(200) <= 66
        assert asked.count(200) + asked.count(429) == 70
        answers = [session.post(url + "/api/v1/alerts", json=message(), timeout=30) for _ in range(5)]
        refused = [answer for answer in answers if answer.status_code == 503]
        assert len(refused) >= 3
        assert "1" == refused[0].headers["retry-after"]
        assert 200 == session.get(url + "/-/ready", timeout=30).status_code
