"""The shop's own Django, asked through its own interpreter."""

from storekeeper.shop.description import FileField, ModelDescription, ShopDescription, UsedStorage
from storekeeper.shop.known_shop import KnownShop
from storekeeper.shop.shop import Shop

__all__ = ["FileField", "KnownShop", "ModelDescription", "Shop", "ShopDescription", "UsedStorage"]
