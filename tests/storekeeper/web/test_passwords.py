"""The check of passwords."""

import threading

import bcrypt
import pytest

from storekeeper.web.passwords import PasswordCheck


def hash_of(password: bytes, *, cost: int = 4) -> str:
    """Give a bcrypt hash that is quick to make."""
    return bcrypt.hashpw(password, bcrypt.gensalt(cost)).decode()


@pytest.mark.parametrize(
    ("user", "password", "allowed"),
    [
        ("alice", b"secret", True),
        ("alice", b"Secret", False),
        ("alice", b"", False),
        ("alice", b"\x00\xff", False),
        ("bob", b"secret", False),
        ("", b"", False),
        ("khmer", "ពាក្យសម្ងាត់".encode(), True),
        ("long", b"x" * 100, True),
    ],
)
def test_only_the_right_password_of_a_user_passes(user: str, password: bytes, allowed: bool) -> None:
    """The answer is yes for the user's own password alone, the second time too."""
    check = PasswordCheck(
        {
            "alice": hash_of(b"secret"),
            "khmer": hash_of("ពាក្យសម្ងាត់".encode()[:72]),
            "long": hash_of(b"x" * 72),
        }
    )
    assert None is check.known(user, password)
    assert allowed == check.check(user, password)
    assert allowed == check.known(user, password)
    assert allowed == check.check(user, password)


def test_hash_of_htpasswd_is_understood() -> None:
    """Apache's tool writes the same hash under the sign 2y."""
    check = PasswordCheck({"alice": hash_of(b"secret").replace("$2b$", "$2y$", 1)})
    assert check.check("alice", b"secret")


def test_unknown_user_costs_a_comparison_of_the_same_cost() -> None:
    """A user that does not exist is compared with a hash of the users' own cost, so time tells nothing."""
    check = PasswordCheck({"alice": hash_of(b"secret", cost=5)})
    assert b"$2b$05$" == check._nobody[:7]
    assert 60 == len(check._nobody)
    assert not bcrypt.checkpw(b"secret", check._nobody)


def test_every_refusal_does_the_same_work() -> None:
    """A wrong password, an unknown user and no name cost one comparison each, with hashes of one cost."""
    compared = []

    def compare(password: bytes, stored: bytes) -> bool:
        compared.append((len(password), stored[:7]))
        return bcrypt.checkpw(password, stored)

    check = PasswordCheck({"alice": hash_of(b"secret", cost=5)}, compare=compare)
    assert [False] * 3 == [check.check(user, b"wrong!") for user in ("alice", "bob", "")]
    assert [(6, b"$2b$05$")] * 3 == compared


def test_kept_answers_are_bounded_and_hold_no_password() -> None:
    """Guesses cannot fill the memory, and what is kept is not the password."""
    check = PasswordCheck({"alice": hash_of(b"secret")}, cached_answers=3)
    for number in range(10):
        check.check("alice", b"guess %d" % number)
    assert 3 == len(check._wrong)
    assert all(len(kept) == 32 and b"guess" not in kept for kept in check._wrong)


def test_guesses_push_out_no_right_answer() -> None:
    """A user who was let in once is known at once, however many guesses came since."""
    check = PasswordCheck({"alice": hash_of(b"secret")}, cached_answers=3)
    assert check.check("alice", b"secret")
    for number in range(10):
        check.check("alice", b"guess %d" % number)
    assert check.known("alice", b"secret")
    assert not check.known("alice", b"guess 9")


def test_same_question_at_the_same_time_is_compared_once() -> None:
    """Twenty scrapes that begin together cost one bcrypt, not twenty."""
    compared = []

    class Counting(PasswordCheck):
        def _compare(self, user: str, password: bytes) -> bool:
            compared.append(user)
            return super()._compare(user, password)

    check = Counting({"alice": hash_of(b"secret", cost=6)})
    threads = [threading.Thread(target=check.check, args=("alice", b"secret")) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ["alice"] == compared
