"""The shop's own Django, asked through its own interpreter."""

from storekeeper.shop.description import FileField, ModelDescription, ShopDescription
from storekeeper.shop.shop import Shop

__all__ = ["FileField", "ModelDescription", "Shop", "ShopDescription"]
