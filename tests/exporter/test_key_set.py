"""The set that holds what rows name."""

from hypothesis import given
from hypothesis import strategies as st

from exporter.key_set import KeySet

TEXTS = st.lists(st.text(max_size=3), max_size=40)


def closed(texts: list[str]) -> KeySet:
    """Give a set of these texts, ready to be asked."""
    keys = KeySet()
    keys.add(texts)
    keys.close()
    return keys


@given(TEXTS, TEXTS)
def test_it_holds_what_was_added_and_nothing_else(added: list[str], asked: list[str]) -> None:
    """It answers as Python's own set does."""
    expected = [place for place, text in enumerate(asked) if text in set(added)]
    assert expected == closed(added).places_of(asked)
    assert len(set(added)) == len(closed(added))


@given(TEXTS, TEXTS)
def test_what_one_set_takes_the_other_loses(first: list[str], second: list[str]) -> None:
    """Each text of the second that the first holds goes, and is counted as often as it was added."""
    one, two = KeySet(), KeySet()
    one.add(first)
    two.add(second)
    lost = one.take_from(two)
    assert sum(text in set(first) for text in second) == lost
    assert [text in set(second) - set(first) for text in second] == [
        place in set(two.places_of(second)) for place in range(len(second))
    ]
    assert list(range(len(first))) == one.places_of(first)
