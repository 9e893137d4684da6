"""The same commands under the shop's manage.py."""
