"""Orders with everything that hangs on them, made in batches so that memory stays the same for any number."""

import hashlib
import logging
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from decimal import Decimal
from random import Random

from django.db import transaction

from app.models import Customer, Note, Order, OrderItem, OrderQRCode, Product, Review
from app.sample.history import log_order
from app.sample.images import picture, qr_like_png
from app.sample.media import write_media
from app.sample.names import ADDRESSES, ORDER_NOTES, REVIEWS, person
from app.sample.numbers import last_order_number, take_order_numbers

BATCH = 1_000
ORDERS_PER_CUSTOMER = 4
PAYMENT_TIME = timedelta(minutes=5)
PERIOD = timedelta(days=90)

logger = logging.getLogger("app.orders")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What ``make_orders`` is to make: ``count`` orders in the 90 days that end at ``until``."""

    seed: int
    count: int
    until: datetime
    expired_share: float
    qr_bytes: int


@dataclass(kw_only=True)
class _Batch:
    """The rows of one transaction, parents before children."""

    customers: list[Customer] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    items: list[OrderItem] = field(default_factory=list)
    qr_codes: list[OrderQRCode] = field(default_factory=list)
    reviews: list[Review] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    def save(self) -> None:
        Customer.objects.bulk_create(self.customers)
        Order.objects.bulk_create(self.orders)
        OrderItem.objects.bulk_create(self.items)
        OrderQRCode.objects.bulk_create(self.qr_codes)
        Review.everything.bulk_create(self.reviews)
        Note.objects.bulk_create(self.notes)


def make_orders(plan: Plan) -> Iterator[int]:
    """Make the orders, one transaction per batch; yield how many are there after each batch."""
    products = list(Product.objects.filter(digitalproduct=None).only("pk", "price").order_by("pk"))
    run = f"{plan.seed}/{last_order_number()}"
    for start in range(0, plan.count, BATCH):
        size = min(BATCH, plan.count - start)
        random = Random(f"{run}/{start}")
        with transaction.atomic():
            batch = _Batch()
            numbers = take_order_numbers(size)
            _add_customers(batch, plan=plan, run=run, start=start, size=size, random=random)
            for index, number in enumerate(numbers, start=start):
                _add_order(
                    batch, plan=plan, run=run, index=index, number=number, products=products, random=random
                )
            batch.save()
        yield start + size


def _key(run: str, kind: str, index: int) -> uuid.UUID:
    digest = hashlib.blake2b(f"{run}/{kind}/{index}".encode(), digest_size=16).digest()
    return uuid.UUID(bytes=digest, version=4)


def _placed_at(plan: Plan, *, index: int, random: Random) -> datetime:
    """Later for each order; the last one long enough ago for its code to have expired."""
    share = (index + random.random()) / plan.count
    microseconds = share * (PERIOD - 2 * PAYMENT_TIME) / timedelta(microseconds=1)
    return plan.until - PERIOD + timedelta(microseconds=int(microseconds))


def _add_customers(batch: _Batch, *, plan: Plan, run: str, start: int, size: int, random: Random) -> None:
    first, last = (-(-edge // ORDERS_PER_CUSTOMER) for edge in (start, start + size))
    for index in range(first, last):
        name, word = person(random)
        key = _key(run, "customer", index)
        # The key's digits keep the number unique without remembering all others.
        phone = f"+855 {key.int % 10**15:015d}" if random.random() < 0.8 else None
        batch.customers.append(
            Customer(
                id=key,
                name=name,
                phone=phone,
                email=f"{word}.{index}@example.com" if random.random() < 0.5 else "",
                address=random.choice(ADDRESSES),
                born_on=random.choice(
                    [None, (plan.until - timedelta(days=random.randrange(6_000, 25_000))).date()]
                ),
                referred_by_id=_key(run, "customer", random.randrange(index))
                if index and index % 3 == 0
                else None,
                created_at=plan.until - PERIOD - timedelta(days=30, microseconds=-index),
            )
        )


def _add_order(
    batch: _Batch, *, plan: Plan, run: str, index: int, number: str, products: list[Product], random: Random
) -> None:
    placed_at = _placed_at(plan, index=index, random=random)
    # Spread evenly, so that the share is exact for any number of orders.
    expired = int((index + 1) * plan.expired_share) > int(index * plan.expired_share)
    order = Order(
        id=_key(run, "order", index),
        number=number,
        customer_id=_key(run, "customer", random.randrange(index // ORDERS_PER_CUSTOMER + 1)),
        status=random.choice(["paid", "shipped", "delivered", "cancelled"]) if expired else "pending",
        placed_at=placed_at,
        deliver_on=random.choice([None, (placed_at + timedelta(days=2)).date()]),
        deliver_after=random.choice([None, time(8), time(17, 45, 30)]),
        note=random.choice(ORDER_NOTES),
        ip_address=random.choice([None, "203.0.113.7", "2001:db8::5"]),
    )
    items = [
        OrderItem(
            order=order,
            product=product,
            quantity=random.choice([1, 1, 1, 2, 3, 12]),
            unit_price=product.price,
        )
        for product in random.sample(products, k=min(random.randint(1, 4), len(products)))
    ]
    order.total = sum((item.quantity * item.unit_price for item in items), Decimal(0))
    batch.orders.append(order)
    batch.items += items
    _add_qr_files(batch, plan=plan, order=order, expired=expired, random=random)
    if index % 10 == 5:
        _add_review(batch, order=order, product=items[0].product, number=index // 10, random=random)
    if index % 20 == 3:
        batch.notes.append(
            Note(target=order, text="អតិថិជនបានទូរស័ព្ទ / the customer called", created_at=placed_at)
        )
    log_order(logger, order)


def _add_qr_files(batch: _Batch, *, plan: Plan, order: Order, expired: bool, random: Random) -> None:
    """
    One payment code for every order, one tracking image for every order on its way.

    An unexpired code is one to pay at the door: valid for weeks, though its file may be months old.
    """
    expires_at = (
        order.placed_at + PAYMENT_TIME if expired else plan.until + timedelta(days=random.uniform(1, 30))
    )
    suffix = "".join(random.choices("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", k=7))
    image = qr_like_png(f"pay {order.number} {order.total}", size_bytes=plan.qr_bytes)
    written_at = expires_at if expired else order.placed_at
    name = write_media(f"qr_codes/qr_{order.number}_{suffix}.png", image, at=written_at)
    batch.qr_codes.append(
        OrderQRCode(order=order, qr_code_image=name, expires_at=expires_at, created_at=order.placed_at)
    )
    if order.status in ("shipped", "delivered"):
        image = qr_like_png(f"track {order.number}", size_bytes=plan.qr_bytes)
        sent_at = min(order.placed_at + timedelta(days=random.uniform(0, 2)), plan.until)
        write_media(f"qr_codes/tracking_qr_{order.number}.png", image, at=sent_at)


def _add_review(batch: _Batch, *, order: Order, product: Product, number: int, random: Random) -> None:
    """Every second review has a photo, every third is deleted: some deleted ones still own a file."""
    photo = ""
    if number % 2 == 0:
        content = picture(random, size=(160, 120))
        photo = write_media(f"reviews/{order.number}_រូបថត.jpg", content, at=order.placed_at)
    batch.reviews.append(
        Review(
            product=product,
            customer_id=order.customer_id if number % 4 else None,
            rating=random.randint(1, 5),
            text=random.choice(REVIEWS),
            photo=photo,
            is_deleted=number % 3 == 0,
            created_at=order.placed_at + timedelta(days=3),
        )
    )
