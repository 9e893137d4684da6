"""The config in a backup: everything but its secrets."""

import yaml
from hypothesis import given
from hypothesis import strategies as st

from storekeeper.config.shared_text import hides_something, shared_text

TEXT = """\
shop: madamda   # the shop
databases: {default: {url: "postgresql://shop:p%40ss@db:5432/shop"}}
backups:
  offsite: ["sftp://backup:secret@host/shop", s3://bucket/shop]
  media:
    environment: {AWS_SECRET_ACCESS_KEY: abc/1+2, AWS_ACCESS_KEY_ID: '${KEY_ID}', B2_KEY: "d e"}
receiver: {token_file: /etc/token}
other_password: hunter2  # a comment
"""


def test_secrets_are_taken_out_and_all_else_stays() -> None:
    """Passwords of URLs and values of keys that are called like secrets; files and variables tell nothing."""
    shown = shared_text(TEXT)
    for secret in ("p%40ss", "secret@", "abc/1+2", "d e", "hunter2"):
        assert secret not in shown
    document = yaml.safe_load(shown)
    assert document["databases"]["default"]["url"] == "postgresql://shop:***@db:5432/shop"
    assert document["backups"]["offsite"][1] == "s3://bucket/shop"
    assert document["receiver"] == {"token_file": "/etc/token"}
    assert document["backups"]["media"]["environment"]["AWS_ACCESS_KEY_ID"] == "${KEY_ID}"
    assert "# the shop" in shown
    assert hides_something(shown)


def test_a_text_without_secrets_stays_as_it_is() -> None:
    """Variables are not expanded."""
    text = "shop: x\ndatabases: {default: {url: '${DATABASE_URL}'}}\npassword_file: /x\n"
    assert shared_text(text) == text
    assert not hides_something(text)


@given(
    st.text(alphabet=st.characters(codec="ascii", exclude_characters="/\"'", categories=["L", "N", "P", "S"]))
)
def test_no_password_of_a_url_is_left(password: str) -> None:
    """Whatever letters it has."""
    text = f"url: postgresql://user:{password}Z@host/db\n"
    assert shared_text(text) == "url: postgresql://user:***@host/db\n"
