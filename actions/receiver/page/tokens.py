"""
The token in every form of the pages: who sends a form must have been given it on a page.

Another site can make a browser send a form with its password, but cannot read our pages. A token holds for
one person and until the receiver ends; nothing is kept for it, and there is no cookie.
"""

import hashlib
import hmac
import secrets


class FormTokens:
    """Makes and checks the tokens of one life of the receiver."""

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(32)

    def make(self, who: str) -> str:
        """Give the token for the forms that this person sees."""
        return hmac.new(self._secret, who.encode("utf-8", "backslashreplace"), hashlib.sha256).hexdigest()

    def matches(self, given: str, *, who: str) -> bool:
        """Tell whether this person was given the token."""
        return hmac.compare_digest(given.encode("utf-8", "backslashreplace"), self.make(who).encode("ascii"))
