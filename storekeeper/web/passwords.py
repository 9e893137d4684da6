"""Check passwords against bcrypt hashes without telling, by time or load, more than yes or no."""

import hashlib
import hmac
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Final

import bcrypt

CACHED_ANSWERS: Final = 100
# bcrypt looks at no more of a password.
PASSWORD_BYTES: Final = 72
DEFAULT_COST: Final = 10


class PasswordCheck:
    """
    The users of one version of a web config.

    bcrypt is slow on purpose, so one check runs at a time and its answer is kept, under a hash with a
    key of this process; neither passwords nor their plain hashes stay in memory. A user that does not
    exist costs what one that exists costs.
    """

    def __init__(
        self,
        users: Mapping[str, str],
        *,
        cached_answers: int = CACHED_ANSWERS,
        compare: Callable[[bytes, bytes], bool] = bcrypt.checkpw,
    ) -> None:
        self._users = {user: text.encode("ascii") for user, text in users.items()}
        cost = max((int(text[4:6]) for text in users.values()), default=DEFAULT_COST)
        # Well-formed, so that it takes its time, and the answer to no password that anybody has.
        self._nobody = f"$2b${cost:02}$".encode() + bcrypt.gensalt(4)[7:] + b"." * 31
        self._key = secrets.token_bytes(32)
        # Apart from the wrong ones: whoever guesses must not push out the answer that lets a user in.
        self._right: dict[str, bytes] = {}
        self._wrong: OrderedDict[bytes, None] = OrderedDict()
        self._limit = cached_answers
        self._checkpw = compare
        self._one_at_a_time = threading.Lock()

    def known(self, user: str, password: bytes) -> bool | None:
        """Give the answer where it is kept already, else None; quick."""
        return self._kept(user, self._digest(user, password))

    def check(self, user: str, password: bytes) -> bool:
        """Tell whether the password is the user's; takes a tenth of a second where it is not known yet."""
        digest = self._digest(user, password)
        with self._one_at_a_time:
            answer = self._kept(user, digest)
            if answer is None:
                answer = self._compare(user, password)
                if answer:
                    self._right[user] = digest
                else:
                    self._wrong[digest] = None
                while len(self._wrong) > self._limit:
                    self._wrong.popitem(last=False)
            return answer

    def _kept(self, user: str, digest: bytes) -> bool | None:
        if hmac.compare_digest(self._right.get(user, b""), digest):
            return True
        return False if digest in self._wrong else None

    def _compare(self, user: str, password: bytes) -> bool:
        stored = self._users.get(user)
        try:
            matches = self._checkpw(password[:PASSWORD_BYTES], stored or self._nobody)
        except ValueError:
            # A password that bcrypt cannot take is nobody's.
            return False
        return matches and stored is not None

    def _digest(self, user: str, password: bytes) -> bytes:
        # The user's length first: "ab" with "c" is not "a" with "bc".
        name = user.encode("utf-8", "surrogateescape")
        text = len(name).to_bytes(4, "big") + name + password
        return hmac.new(self._key, text, hashlib.sha256).digest()
