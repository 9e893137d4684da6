"""The most that one run may remove: a share of what is there, never more without a person's ``--force``."""

from collections.abc import Callable

from storekeeper.config.model import Budget
from storekeeper.units import format_size


def beyond_budget(
    budget: Budget, *, what: str, files: int, size_bytes: int, present: Callable[[], tuple[int, int]]
) -> str:
    """
    Give the sentence that tells how removing so much of ``what`` is over the budget, ``""`` when it is not.

    ``present`` gives the files and bytes that are there; it is asked only when that matters.
    """
    if files <= budget.at_least:
        return ""
    present_files, present_bytes = present()
    if files > budget.files * present_files:
        return (
            f"{files} of the {present_files} files in {what} would go,"
            f" more than the {budget.files:.0%} that budget.files allows"
        )
    if size_bytes > budget.bytes * present_bytes:
        return (
            f"{format_size(size_bytes)} of the {format_size(present_bytes)} in {what} would go,"
            f" more than the {budget.bytes:.0%} that budget.bytes allows"
        )
    return ""
