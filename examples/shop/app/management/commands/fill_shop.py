"""Fill the shop with a catalogue, people and orders."""

import json
import time
from datetime import UTC, datetime
from random import Random

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from app.models import Product
from app.sample.catalogue import make_catalogue
from app.sample.orders import PERIOD, Plan, make_orders
from app.sample.sizes import size_bytes
from app.sample.staff import make_staff


class Command(BaseCommand):
    help = (
        "Fill the shop: the same data for the same --seed and --until (open sessions apart, which are signed "
        "with the shop's secret key). Run again, it adds orders to the catalogue that is there."
    )

    def add_arguments(self, parser):
        parser.add_argument("--orders", type=int, default=50, help="how many orders (default: 50)")
        parser.add_argument(
            "--products", type=int, help="how many products (default: one per 10 orders, 12 to 200)"
        )
        parser.add_argument("--seed", type=int, default=1, help="another number, other data (default: 1)")
        parser.add_argument(
            "--until", type=datetime.fromisoformat, help="moment of the last order (default: now)"
        )
        parser.add_argument(
            "--expired-share",
            type=float,
            default=0.5,
            help="share of payment codes that have expired (default: 0.5)",
        )
        parser.add_argument(
            "--media-bytes",
            type=size_bytes,
            default=0,
            help="least size of each JPEG product image (default: as made)",
        )
        parser.add_argument(
            "--qr-bytes", type=size_bytes, default=0, help="least size of each QR image (default: below 1 KB)"
        )
        parser.add_argument(
            "--video-bytes",
            type=size_bytes,
            default=65_536,
            help="size of each slide's video (default: 64 KiB)",
        )
        parser.add_argument("--json", action="store_true", help="print the result as JSON")

    def handle(self, **options):
        if options["orders"] < 0 or not 0 <= options["expired_share"] <= 1:
            raise CommandError("--orders must not be negative, --expired-share lies between 0 and 1")
        until = options["until"] or timezone.now()
        if timezone.is_naive(until):
            until = timezone.make_aware(until)
        until = until.astimezone(UTC)
        started = time.monotonic()
        if not Product.objects.exists():
            self._make_catalogue(**(options | {"until": until}))
        plan = Plan(
            seed=options["seed"],
            count=options["orders"],
            until=until,
            expired_share=options["expired_share"],
            qr_bytes=options["qr_bytes"],
        )
        done = 0
        for done in make_orders(plan):
            if done < plan.count and not options["json"]:
                self.stdout.write(f"{done} of {plan.count} orders")
        seconds = time.monotonic() - started
        if options["json"]:
            self.stdout.write(json.dumps({"orders": done, "seconds": round(seconds, 3)}))
        else:
            self.stdout.write(f"filled: {done} orders in {seconds:.1f} s")

    def _make_catalogue(self, *, until, seed, orders, products, media_bytes, video_bytes, **options):
        random = Random(f"{seed}/catalogue")
        opened_at = until - PERIOD
        with transaction.atomic():
            make_catalogue(
                random,
                products=products or max(12, min(200, orders // 10)),
                image_bytes=media_bytes,
                video_bytes=video_bytes,
                opened_at=opened_at,
            )
            make_staff(random, opened_at=opened_at, now=until)
