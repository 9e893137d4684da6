"""One customer at the checkout: the live writer's order, made the way the shop makes it."""

import logging
from decimal import Decimal
from random import Random

from django.core.files.base import ContentFile
from django.db import transaction
from django.utils import timezone

from app.models import Customer, Order, OrderItem, OrderQRCode, Product
from app.sample.images import qr_like_png
from app.sample.numbers import take_order_numbers
from app.sample.orders import PAYMENT_TIME

logger = logging.getLogger("app.orders")


def place_order(random: Random, *, products: list[Product], customers: list[Customer]) -> Order:
    """
    Place one order in one transaction and return it.

    As in most shops the file of its payment code is on disk before the row that names it is committed.
    """
    with transaction.atomic():
        (number,) = take_order_numbers(1)
        lines = [
            (product, random.randint(1, 3))
            for product in random.sample(products, k=min(random.randint(1, 4), len(products)))
        ]
        order = Order.objects.create(
            number=number,
            customer=random.choice(customers),
            total=sum((product.price * quantity for product, quantity in lines), Decimal(0)),
            placed_at=timezone.now(),
        )
        OrderItem.objects.bulk_create(
            OrderItem(order=order, product=product, quantity=quantity, unit_price=product.price)
            for product, quantity in lines
        )
        code = OrderQRCode(order=order, expires_at=order.placed_at + PAYMENT_TIME, created_at=order.placed_at)
        name = f"qr_{number}_{random.randrange(16**7):07x}.png"
        code.qr_code_image.save(name, ContentFile(qr_like_png(f"pay {number}")), save=False)
        code.save()
    logger.info("order %s placed, %s USD", order.number, order.total)
    return order
