"""The address of a receiver with the token that it has made: requests and browsers take both from a URL."""

from pathlib import Path


def receiver_url(state: Path, port: int | str) -> str:
    """Return the URL, for the holder of the token in this state folder."""
    token = (state / "receiver-token").read_text().strip()
    return f"http://tester:{token}@127.0.0.1:{port}"
