"""The edge of what one run may remove."""

import pytest

from actions.budget import beyond_budget
from storekeeper.config.model import Budget


def over(files: int, *, size_bytes: int = 0, there: tuple[int, int] = (1000, 1000), **more: float) -> str:
    """Ask for so many files of what is there."""
    budget = Budget(files=0.5, bytes=0.5, **more)  # type: ignore[arg-type]
    return beyond_budget(budget, what="media", files=files, size_bytes=size_bytes, present=lambda: there)


@pytest.mark.parametrize("at_least", [0, 20])
def test_a_few_files_are_never_too_many(at_least: int) -> None:
    """Up to the number itself nobody asks what is there; one more is counted."""
    there = (at_least, at_least)
    assert over(at_least, there=there, at_least=at_least) == ""
    assert "more than the 50%" in over(at_least + 1, there=there, at_least=at_least)


def test_share_itself_is_within_the_budget() -> None:
    """Exactly the share of files and of bytes may go, no more."""
    assert over(500, size_bytes=500) == ""
    assert over(501, size_bytes=0) == (
        "501 of the 1000 files in media would go, more than the 50% that budget.files allows"
    )
    assert over(500, size_bytes=501) == (
        "501 B of the 1.0 KB in media would go, more than the 50% that budget.bytes allows"
    )


def test_small_shops_have_a_budget() -> None:
    """Three hundred codes are not so few that they may all go at once."""
    budget = Budget()
    assert budget.at_least == 20
    all_of_them = beyond_budget(budget, what="media", files=300, size_bytes=300, present=lambda: (310, 310))
    assert all_of_them.startswith("300 of the 310 files")
