"""The sample shop as a Django project: its settings, pages, migrations and log files."""

import os
import stat
from collections.abc import Callable
from typing import Any

import pytest


def test_the_secret_key_is_private(make_shop: Callable[..., Any]) -> None:
    """The key is made in the data folder, readable by its owner only, and stays the same."""
    shop = make_shop(orders=None)
    read = "from django.conf import settings\nresult = settings.SECRET_KEY"

    first, again = shop.evaluate(read), shop.evaluate(read)

    assert first == again == (shop.data / ".secret_key").read_text()
    assert stat.S_IMODE((shop.data / ".secret_key").stat().st_mode) == 0o600


def test_a_copied_shop_works(make_shop: Callable[..., Any]) -> None:
    """Code and data in one folder: everything is written there, static files are collected there."""
    shop = make_shop(copied=True)

    shop.manage("collectstatic", "--noinput", "--verbosity=0")
    shop.manage("fill_shop", "--orders=5")

    assert (shop.data / "staticfiles" / "app" / "shop.css").is_file()
    assert "order MD000055 placed" in (shop.data / "logs" / "orders.log").read_text("utf-8")
    database = "from django.conf import settings\nresult = settings.DATABASES['default']['NAME']"
    assert shop.evaluate(database) == str(shop.data / "db.sqlite3")


def test_the_pages_answer(make_shop: Callable[..., Any]) -> None:
    """The storefront shows products by their Khmer names, the admin asks for a login."""
    shop = make_shop()

    pages = shop.evaluate(
        "from django.test import Client\n"
        "client = Client(SERVER_NAME='localhost')\n"
        "front, admin = client.get('/'), client.get('/admin/')\n"
        "result = [front.status_code, 'ម្រេចកំពត' in front.content.decode(), admin.status_code]"
    )

    assert pages == [200, True, 302]


def test_every_admin_list_renders(make_shop: Callable[..., Any]) -> None:
    """Staff can open the list of every registered model."""
    shop = make_shop()

    answers = shop.evaluate(
        "from django.contrib import admin\n"
        "from django.contrib.auth.models import User\n"
        "from django.test import Client\n"
        "from django.urls import reverse\n"
        "client = Client(SERVER_NAME='localhost')\n"
        "client.force_login(User.objects.create_superuser('owner'))\n"
        "lists = [reverse(f'admin:{m._meta.app_label}_{m._meta.model_name}_changelist')"
        " for m in admin.site._registry]\n"
        "result = {url: client.get(url).status_code for url in lists}"
    )

    assert set(answers.values()) == {200}
    assert "/admin/app/orderqrcode/" in answers


def test_the_migrations_are_complete(make_shop: Callable[..., Any]) -> None:
    """Nobody changed a model and forgot its migration."""
    assert "No changes detected" in make_shop(orders=None).manage("makemigrations", "--check", "--dry-run")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            "postgresql://shop:p%40ss%2F@db.example.com:5433/Shop",
            ["shop", "p@ss/", "db.example.com", "5433", "Shop"],
        ),
        ("postgresql://postgres:@/shop?host=/run/My/Socket", ["postgres", "", "/run/My/Socket", "", "shop"]),
        ("postgres://shop@%2Frun%2FPG/shop", ["shop", "", "/run/PG", "", "shop"]),
        ("postgresql://shop@[::1]:5432/shop?sslmode=require", ["shop", "", "::1", "5432", "shop"]),
    ],
)
def test_database_urls(make_shop: Callable[..., Any], url: str, expected: list[str]) -> None:
    """Every usual form of a PostgreSQL URL is understood."""
    shop = make_shop(orders=None)
    code = (
        "from madamda.database_url import parse_database_url\n"
        f"entry = parse_database_url({url!r})\n"
        "result = [entry[key] for key in ('USER', 'PASSWORD', 'HOST', 'PORT', 'NAME')]"
    )

    assert expected == shop.evaluate(code)


def test_log_lines_are_in_three_files(make_shop: Callable[..., Any]) -> None:
    """Each log file holds its own lines; security events stay out of the orders."""
    shop = make_shop(orders=100)
    lines = {
        name: (shop.data / "logs" / name).read_text("utf-8").splitlines()
        for name in os.listdir(shop.data / "logs")
    }

    assert {"django.log", "orders.log", "security.log"} == set(lines)
    assert len(lines["security.log"]) == 1
    assert len(lines["orders.log"]) == 102
    assert len(lines["django.log"]) == 103
