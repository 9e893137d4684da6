"""Log lines with the date of what they tell, written through the shop's own handlers."""

import logging
from datetime import datetime, timedelta

from app.models import Order


def log_at(logger: logging.Logger, level: int, message: str, *, at: datetime) -> None:
    """Log ``message`` as if it had been logged ``at``."""
    record = logger.makeRecord(logger.name, level, "", 0, message, (), None)
    record.created = at.timestamp()
    record.msecs = at.microsecond // 1000
    logger.handle(record)


def log_order(logger: logging.Logger, order: Order) -> None:
    """Log one order as the shop does; now and then with the trouble that a real shop has."""
    log_at(logger, logging.INFO, f"order {order.number} placed, {order.total} USD", at=order.placed_at)
    number = int(order.number.removeprefix("MD"))
    if number % 50 == 0:
        message = f"order {order.number}: the payment provider answered late, trying again"
        log_at(logger, logging.WARNING, message, at=order.placed_at + timedelta(seconds=3))
    if number % 100 == 0:
        message = f"Invalid HTTP_HOST header: 'shop-{number}.example.com'."
        at = order.placed_at + timedelta(seconds=10)
        log_at(logging.getLogger("django.security.DisallowedHost"), logging.ERROR, message, at=at)
