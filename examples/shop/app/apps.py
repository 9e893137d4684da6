from django.apps import AppConfig


class ShopConfig(AppConfig):
    name = "app"
    verbose_name = "Shop"
