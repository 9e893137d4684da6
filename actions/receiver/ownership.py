"""
Whose alert it is. One Alertmanager serves many shops, and other exporters' rules use the same alert names.

The label ``shop`` says whose an alert is. The disk of a machine with several shops has none: its ``host``
decides. An alert of a rule file from before these labels counts only where its ``instance`` is the shop's
name and nothing speaks of a second shop.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from actions.ledger.file import FILE_NAME
from storekeeper.config import Config
from storekeeper.measure.resources import DISK, resource_of

SHOP: Final = "shop"
HOST: Final = "host"
INSTANCE: Final = "instance"


def is_ours(labels: Mapping[str, str], *, config: Config, is_only_shop: Callable[[], bool]) -> bool:
    """
    Return whether an alert with these labels is about the shop of this config.

    ``is_only_shop`` is asked only about an alert that has neither label; an empty label is none.
    """
    if shop := labels.get(SHOP):
        return shop == config.shop
    if resource_of(labels, config=config).kind == DISK and (host := labels.get(HOST)):
        return host == config.host
    return labels.get(INSTANCE) == config.shop and is_only_shop()


def names_other_shop(labels: Mapping[str, str], *, config: Config) -> bool:
    """Return whether the labels name a shop that is not ours."""
    return labels.get(SHOP, config.shop) not in ("", config.shop)


def has_neighbour(config: Config) -> bool:
    """Return whether another shop keeps its ledger beside ours, so that this config is not the only one."""
    own = config.state.resolve()
    try:
        beside = list(own.parent.iterdir())
    except OSError:
        return False
    return any(folder != own and _holds_ledger(folder) for folder in beside)


def _holds_ledger(folder: Path) -> bool:
    try:
        return (folder / FILE_NAME).is_file()
    except OSError:
        # A private folder of another user; what it holds is not ours to know.
        return False
