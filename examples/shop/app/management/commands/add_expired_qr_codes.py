"""Let the shop's media grow by QR codes that have expired."""

import json
from datetime import timedelta

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from app.sample.expired import EmptyShop, ExpiredOrders
from app.sample.sizes import size_bytes

_BATCH = 100


class Command(BaseCommand):
    help = "Add orders with expired payment QR codes and tracking images, so many bytes or so many orders."

    def add_arguments(self, parser):
        amount = parser.add_mutually_exclusive_group(required=True)
        amount.add_argument("--bytes", type=size_bytes, help="at least this much in all: 20MB")
        amount.add_argument("--count", type=int, help="this many orders, each with two files")
        parser.add_argument("--days-ago", type=float, default=10, help="when the codes expired (default: 10)")
        parser.add_argument(
            "--file-bytes", type=size_bytes, default=50_000, help="size of each image (default: 50 kB)"
        )
        parser.add_argument("--json", action="store_true", help="print the result as JSON")

    def handle(self, **options):
        file_bytes = max(options["file_bytes"], 1)
        count = options["count"]
        if count is None:
            count = -(-options["bytes"] // (2 * file_bytes))
        if count < 0:
            raise CommandError("--count must not be negative")
        expired_at = timezone.now() - timedelta(days=options["days_ago"])
        try:
            maker = ExpiredOrders.in_shop(expired_at=expired_at)
        except EmptyShop as error:
            raise CommandError(str(error)) from error
        written = 0
        for start in range(0, count, _BATCH):
            written += maker.add(min(_BATCH, count - start), file_bytes=file_bytes)
        if options["json"]:
            self.stdout.write(
                json.dumps(
                    {
                        "orders": count,
                        "files": 2 * count,
                        "bytes": written,
                        "expired_at": expired_at.isoformat(),
                    }
                )
            )
        else:
            self.stdout.write(
                f"added: {count} orders, {2 * count} QR images, {written} bytes, "
                f"expired {timezone.localtime(expired_at):%Y-%m-%d %H:%M}"
            )
