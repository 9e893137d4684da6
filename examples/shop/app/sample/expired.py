"""Orders whose payment codes expired some days ago, for a shop whose media are to grow."""

from dataclasses import dataclass
from datetime import datetime
from random import Random

from django.db import transaction

from app.models import Customer, Order, OrderItem, OrderQRCode, Product
from app.sample.images import qr_like_png
from app.sample.media import write_media
from app.sample.numbers import take_order_numbers
from app.sample.orders import PAYMENT_TIME


class EmptyShop(LookupError):
    """There is nothing to order and nobody to order it."""


@dataclass(frozen=True, kw_only=True)
class ExpiredOrders:
    """Adds orders of which each brings an expired payment code and a tracking image."""

    products: list[Product]
    customer: Customer
    expired_at: datetime

    @classmethod
    def in_shop(cls, *, expired_at: datetime) -> "ExpiredOrders":
        """Return the maker for this shop; EmptyShop where it has no products or customers yet."""
        products = list(Product.objects.filter(digitalproduct=None).order_by("pk")[:20])
        customer = Customer.objects.order_by("created_at", "pk").first()
        if not products or customer is None:
            raise EmptyShop("the shop is empty: run fill_shop first")
        return cls(products=products, customer=customer, expired_at=expired_at)

    def add(self, count: int, *, file_bytes: int) -> int:
        """
        Add ``count`` orders in one transaction, with images of ``file_bytes`` (a few hundred at least).

        Return the bytes written.
        """
        written = 0
        with transaction.atomic():
            numbers = take_order_numbers(count)
            orders, items, qr_codes = [], [], []
            for number in numbers:
                product = Random(number).choice(self.products)
                order = Order(
                    number=number,
                    customer=self.customer,
                    status=Order.Status.DELIVERED,
                    total=product.price * 2,
                    placed_at=self.expired_at - PAYMENT_TIME,
                )
                payment = qr_like_png(f"pay {number}", size_bytes=file_bytes)
                name = write_media(f"qr_codes/qr_{number}_expired.png", payment, at=self.expired_at)
                tracking = qr_like_png(f"track {number}", size_bytes=file_bytes)
                write_media(f"qr_codes/tracking_qr_{number}.png", tracking, at=self.expired_at)
                orders.append(order)
                items.append(OrderItem(order=order, product=product, quantity=2, unit_price=product.price))
                qr_codes.append(
                    OrderQRCode(
                        order=order,
                        qr_code_image=name,
                        expires_at=self.expired_at,
                        created_at=order.placed_at,
                    )
                )
                written += len(payment) + len(tracking)
            Order.objects.bulk_create(orders)
            OrderItem.objects.bulk_create(items)
            OrderQRCode.objects.bulk_create(qr_codes)
        return written
