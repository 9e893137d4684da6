"""The order of rows with respect to another row: Django gives each row that is inserted a new number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing import Callable

    from .oddities import Oddities


class OrderColumn:
    """The column of a model with ``order_with_respect_to``: all of its values stand beside the fields."""

    def __init__(self, field: Any, *, owner: Any) -> None:
        self._field = field
        self._owner = owner
        self._next: dict[Any, int] = {}

    @classmethod
    def of(cls, model: Any) -> OrderColumn | None:
        """Return the column of a model, None for one without."""
        owner = model._meta.order_with_respect_to
        if owner is None:
            return None
        field = next((one for one in model._meta.local_fields if one.name == "_order"), None)
        return None if field is None else cls(field, owner=owner)

    def beside(self, values_of: Callable[[Any], Sequence[Any] | None], *, odd: Oddities) -> None:
        """Put the numbers of a block's rows beside their fields; lost are those that Django would change."""
        owners = values_of(self._owner)
        for row, number in enumerate(values_of(self._field) or ()):
            counted = None
            if owners is not None:
                counted = self._next.get(owners[row], 0)
                self._next[owners[row]] = counted + 1
            odd.add(row, self._field.column, number, lost=str(number) != str(counted))
