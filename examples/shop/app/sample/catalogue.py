"""What the shop sells: categories, products, promotions and the slides of the front page."""

from datetime import datetime, time, timedelta
from decimal import Decimal
from random import Random

from app.models import Category, DigitalProduct, HeroSlide, Product, Promotion, PromotionProduct
from app.sample.images import padded_jpeg, picture, qr_like_png, video
from app.sample.media import write_media
from app.sample.names import GOODS, KINDS


def make_catalogue(
    random: Random, *, products: int, image_bytes: int, video_bytes: int, opened_at: datetime
) -> None:
    """Create the catalogue of a shop that opened at ``opened_at``; for an empty shop only."""
    categories = _make_categories()
    made = [
        Product(
            **_product(random, index=index, at=opened_at),
            image=_product_image(random, index=index, size_bytes=image_bytes, at=opened_at),
        )
        for index in range(products)
    ]
    Product.objects.bulk_create(made, batch_size=500)
    made = list(Product.objects.order_by("pk"))
    for index, product in enumerate(made):
        product.categories.set([categories["all"], categories[GOODS[index % len(GOODS)][2]]])
        product.related_products.set(random.sample(made, k=min(3, len(made))))
    _make_digital_products(random, categories=categories, at=opened_at)
    _make_promotions(random, products=made, at=opened_at)
    _make_slides(random, video_bytes=video_bytes, at=opened_at)


def _make_categories() -> dict[str, Category]:
    root = Category.objects.create(name="ទំនិញទាំងអស់ / All goods", slug="all")
    names = [*sorted({category for _, _, category in GOODS}), "digital"]
    return {"all": root} | {
        name: Category.objects.create(name=name.title(), slug=name, parent=root, position=position)
        for position, name in enumerate(names, start=1)
    }


def _product_image(random: Random, *, index: int, size_bytes: int, at: datetime) -> str:
    """Every third is a PNG, some were taken with the phone on its side, some have Khmer names, some miss."""
    if index % 11 == 10:
        return ""
    name, khmer, _ = GOODS[index % len(GOODS)]
    if index % 3 == 2:
        file, content = f"products/{name.replace(' ', '-')}_{index}.png", picture(random, form="PNG")
    else:
        file = f"products/{khmer if index % 4 == 0 else name.replace(' ', '_')}_{index}.jpg"
        content = padded_jpeg(picture(random, turned=index % 5 == 1), size_bytes=size_bytes)
    return write_media(file, content, at=at + timedelta(minutes=index))


def _product(random: Random, *, index: int, at: datetime) -> dict[str, object]:
    name, khmer, _ = GOODS[index % len(GOODS)]
    kind = KINDS[index // len(GOODS) % len(KINDS)]
    return {
        "sku": f"SKU-{index:05d}",
        "name": f"{name}, {kind}".capitalize(),
        "name_khmer": khmer,
        "description": f"{khmer} — {name}, made by hand in Cambodia.\nNo. {index}.",
        "price": Decimal(random.randrange(99, 12_999)) / 100,
        "stock": random.randrange(-2, 500),
        "views": random.randrange(2**40) if index == 0 else random.randrange(5_000),
        "weight": random.choice([None, 0.1, 1 / 3, 2.5, random.random()]),
        "attributes": {
            "ពណ៌": random.choice(["ក្រហម", "ខៀវ"]),
            "sizes": [36, 37.5],
            "gift": None,
            "new": index % 2 == 0,
        },
        "warranty": random.choice([None, timedelta(days=365), timedelta(hours=36, microseconds=1)]),
        "available_from": random.choice([None, (at + timedelta(days=index % 60)).date()]),
        "order_before": random.choice([None, time(16, 30), time(11, 59, 59, 999_999)]),
        "label": random.choice([None, b"", random.randbytes(24)]),
        "maker_url": random.choice(["", "https://example.com/ក្រមា?from=shop&page=1"]),
        "is_active": index % 13 != 12,
    }


def _make_digital_products(random: Random, *, categories: dict[str, Category], at: datetime) -> None:
    for index in range(2):
        row = _product(random, index=index, at=at) | {
            "sku": f"DIGITAL-{index}",
            "name": f"Recipes of the season, part {index + 1}",
            "image": write_media(f"products/recipes_{index}.png", qr_like_png(f"recipes {index}"), at=at),
        }
        text = f"# រូបមន្ត {index + 1}\n\nRice, palm sugar, patience.\n"
        file = write_media(f"downloads/recipes_{index + 1}.md", text.encode(), at=at)
        # One by one: bulk_create cannot fill the two tables of a child model.
        product = DigitalProduct.objects.create(**row, download=file, licence_days=365 if index else None)
        product.categories.set([categories["digital"]])


def _make_promotions(random: Random, *, products: list[Product], at: datetime) -> None:
    for name, days in (("ចូលឆ្នាំខ្មែរ / New Year sale", 14), ("Always cheaper", None)):
        ends_at = at + timedelta(days=days) if days else None
        promotion = Promotion.objects.create(name=name, starts_at=at, ends_at=ends_at)
        PromotionProduct.objects.bulk_create(
            PromotionProduct(
                promotion=promotion,
                product=product,
                discount_percent=Decimal(random.randrange(100, 5_000)) / 100,
            )
            for product in random.sample(products, k=min(8, len(products)))
        )


def _make_slides(random: Random, *, video_bytes: int, at: datetime) -> None:
    for index, title in enumerate(
        ("សូមស្វាគមន៍ / Welcome", "Free delivery in Phnom Penh", "The slide of last month")
    ):
        starts_at = at + timedelta(days=index)
        image = picture(random, size=(1280, 480))
        file = write_media(f"hero_slides/slide_{index}.jpg", image, at=starts_at)
        clip = (
            write_media(f"hero_slides/slide_{index}.mp4", video(video_bytes), at=starts_at)
            if index < 2
            else ""
        )
        # Its time is over, and its files are still the shop's own.
        ends_at = starts_at + timedelta(days=30) if index == 2 else None
        HeroSlide.objects.create(
            title=title,
            image=file,
            video=clip,
            position=index,
            starts_at=starts_at,
            ends_at=ends_at,
        )
