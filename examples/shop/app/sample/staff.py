"""The people behind the shop: users, groups with permissions, what they did, and open sessions."""

from datetime import datetime, timedelta
from random import Random

from django.contrib.admin.models import ADDITION, CHANGE, LogEntry
from django.contrib.auth.models import Group, Permission, User
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session

from app.models import Note, Product


def make_staff(random: Random, *, opened_at: datetime, now: datetime) -> None:
    """
    Create users, groups, admin history, notes and sessions; for an empty shop only.

    No user can log in: the passwords are unusable. ``manage.py createsuperuser`` makes one who can.
    """
    groups = {}
    for name, actions in (("Sales", ("view", "add", "change")), ("ឃ្លាំង / Warehouse", ("view",))):
        groups[name] = Group.objects.create(name=name)
        groups[name].permissions.set(
            Permission.objects.filter(
                content_type__app_label="app",
                codename__in=[f"{action}_{model}" for action in actions for model in ("order", "product")],
            )
        )
    users = []
    for index, (username, first_name, group) in enumerate(
        (("sophea", "សុភា", "Sales"), ("dara", "Dara", "Sales"), ("ឃ្លាំង", "វណ្ណា", "ឃ្លាំង / Warehouse"))
    ):
        user = User(
            username=username,
            first_name=first_name,
            email=f"staff{index}@example.com",
            password="!" + "".join(random.choices("abcdefghijklmnopqrstuvwxyz", k=40)),
            is_staff=True,
            date_joined=opened_at,
            last_login=opened_at + timedelta(days=index, microseconds=1) if index < 2 else None,
        )
        user.save()
        user.groups.add(groups[group])
        users.append(user)
    users[0].user_permissions.add(Permission.objects.get(codename="delete_review"))
    product_type = ContentType.objects.get_for_model(Product)
    products = list(Product.objects.order_by("pk")[:20])
    LogEntry.objects.bulk_create(
        LogEntry(
            action_time=opened_at + timedelta(hours=index),
            user=users[index % 2],
            content_type=product_type,
            object_id=str(product.pk),
            object_repr=str(product),
            action_flag=CHANGE if index % 3 else ADDITION,
            change_message='[{"changed": {"fields": ["តម្លៃ", "price"]}}]' if index % 3 else '[{"added": {}}]',
        )
        for index, product in enumerate(products)
    )
    Note.objects.bulk_create(
        Note(
            target=product,
            author=random.choice([None, *users]),
            text="ពិនិត្យស្តុក / check stock",
            created_at=opened_at,
        )
        for product in products[:5]
    )
    _make_sessions(random, users=users, now=now)


def _make_sessions(random: Random, *, users: list[User], now: datetime) -> None:
    """Two open sessions and one that ended; their data is signed, so it differs with the secret key."""
    for index, user in enumerate(users):
        data = {"_auth_user_id": str(user.pk), "basket": {"SKU-00001": index + 1}}
        Session.objects.create(
            session_key="".join(random.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=32)),
            session_data=SessionStore().encode(data),
            expire_date=now + timedelta(days=14 if index else -1),
        )
