"""
PromQL that several dashboards share.

Every selector goes through ``select``, so that no panel forgets the chosen shops. Two scrape jobs that read
the same target must not show a thing twice: hence ``max by`` without ``job``, as in the alert rules. Shop and
instance stay on everything that is not summed up.
"""

from typing import Final

SHOP: Final = 'shop=~"$shop"'
# The disks of a process that serves several shops have no shop: they are shown whichever is chosen.
SHOP_OR_NONE: Final = 'shop=~"$shop|"'
INSTANCE: Final = 'instance=~"$instance"'
WHERE: Final = ("shop", "instance")

_OF_HOSTS: Final = ("storekeeper_disk_", "storekeeper:usage:ratio")


def select(metric: str, *matchers: str) -> str:
    """Return the selector of ``metric`` for the chosen shops and instances, narrowed by ``matchers``."""
    shop = SHOP_OR_NONE if metric.startswith(_OF_HOSTS) else SHOP
    return f"{metric}{{{', '.join((shop, INSTANCE, *matchers))}}}"


def each(*by: str) -> str:
    """Return the labels of a result that keeps shops and instances apart, and further labels."""
    return ", ".join((*WHERE, *by))


def latest(metric: str, *matchers: str, by: tuple[str, ...] = ()) -> str:
    """Return one value of a gauge for each shop, instance and each of the labels ``by``."""
    return f"max by ({each(*by)}) ({select(metric, *matchers)})"


def increase(metric: str, *matchers: str, by: tuple[str, ...] = (), window: str = "$__rate_interval") -> str:
    """Return by how much a counter grew in ``window``: whole numbers, as a count of events should be."""
    return f"round(sum by ({each(*by)}) (increase({select(metric, *matchers)}[{window}])))"


def growth(metric: str, *matchers: str, by: tuple[str, ...] = ()) -> str:
    """Return by how much a gauge changed over the time range that the dashboard shows."""
    return f"max by ({each(*by)}) (delta({select(metric, *matchers)}[$__range]))"


def growth_per_100_orders(metric: str, *matchers: str, by: tuple[str, ...] = ()) -> str:
    """Return the growth of a size for each 100 orders of the shown time range; nothing where none came in."""
    orders = f"({growth('storekeeper_orders')} > 0)"
    return f"{growth(metric, *matchers, by=by)} / on ({each()}) group_left () ({orders} / 100)"


def count(vector: str) -> str:
    """Return the number of series of ``vector``, and 0 where there is none."""
    return f"count({vector}) or vector(0)"


def total(vector: str) -> str:
    """Return the sum of ``vector``, and 0 where it has no series."""
    return f"sum({vector}) or vector(0)"
