"""Order numbers: MD000123, each given out once."""

from django.db.models import F

from app.models import Counter


def take_order_numbers(count: int) -> list[str]:
    """
    Reserve the next ``count`` order numbers; call inside a transaction.

    The row is changed before it is read, so a second writer waits here until the first has committed.
    """
    counter = Counter.objects.filter(name="order")
    if not counter.update(value=F("value") + count):
        Counter.objects.get_or_create(name="order")
        counter.update(value=F("value") + count)
    last = counter.values_list("value", flat=True).get()
    return [f"MD{number:06d}" for number in range(last - count + 1, last + 1)]


def last_order_number() -> int:
    """Return how many order numbers were given out so far."""
    return Counter.objects.filter(name="order").values_list("value", flat=True).first() or 0
