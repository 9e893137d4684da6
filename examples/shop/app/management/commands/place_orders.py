"""Be the customers of a busy shop: place orders while something else happens to its data."""

import time
from random import Random

from django.core.management.base import BaseCommand, CommandError

from app.models import Customer, Product
from app.sample.checkout import place_order


class Command(BaseCommand):
    help = "Place orders at an even pace; every transaction keeps order.total equal to the sum of its items."

    def add_arguments(self, parser):
        parser.add_argument("--per-second", type=float, default=5, help="orders per second (default: 5)")
        parser.add_argument("--seconds", type=float, default=10, help="for how long (default: 10)")
        parser.add_argument("--seed", type=int, help="choose the same customers and products each time")

    def handle(self, **options):
        if options["per_second"] <= 0:
            raise CommandError("--per-second must be above 0")
        products = list(Product.objects.filter(digitalproduct=None).order_by("pk")[:200])
        customers = list(Customer.objects.order_by("created_at", "pk")[:1000])
        if not products or not customers:
            raise CommandError("the shop is empty: run fill_shop first")
        random = Random(options["seed"])
        # Told at once: whoever starts this beside something else waits for the line.
        self.stdout.write("placing orders")
        self.stdout.flush()
        start = time.monotonic()
        wanted = max(1, round(options["per_second"] * options["seconds"]))
        placed = 0
        for index in range(wanted):
            now = time.monotonic() - start
            if now > options["seconds"] and placed:
                break
            time.sleep(max(0.0, index / options["per_second"] - now))
            place_order(random, products=products, customers=customers)
            placed += 1
        self.stdout.write(f"placed: {placed} orders in {time.monotonic() - start:.1f} s")
