"""
PromQL that several dashboards share.

Every selector goes through ``select``, so that no panel forgets the chosen shops. Two scrape jobs that read
the same target must not show a thing twice: hence ``max by`` without ``job``, as in the alert rules.
"""

from typing import Final

INSTANCE: Final = 'instance=~"$instance"'
OUR_JOBS: Final = 'job=~"storekeeper-.*"'


def select(metric: str, *matchers: str) -> str:
    """Give the selector of ``metric`` for the chosen instances, narrowed by ``matchers`` (``label=~"…"``)."""
    return f"{metric}{{{', '.join((INSTANCE, *matchers))}}}"


def latest(metric: str, *matchers: str, by: tuple[str, ...] = ()) -> str:
    """Give one value of a gauge for each instance and each of the labels ``by``."""
    return f"max by ({', '.join(('instance', *by))}) ({select(metric, *matchers)})"


def increase(metric: str, *matchers: str, by: tuple[str, ...], window: str = "$__rate_interval") -> str:
    """Give by how much a counter grew in ``window``: whole numbers, as a count of events should be."""
    return f"round(sum by ({', '.join(by)}) (increase({select(metric, *matchers)}[{window}])))"


def growth(metric: str, *matchers: str, by: tuple[str, ...] = ()) -> str:
    """Give by how much a gauge changed over the time range that the dashboard shows."""
    return f"max by ({', '.join(('instance', *by))}) (delta({select(metric, *matchers)}[$__range]))"


def growth_per_100_orders(metric: str, *matchers: str, by: tuple[str, ...] = ()) -> str:
    """Give the growth of a size for each 100 orders of the shown time range; nothing where none came in."""
    orders = f"({growth('storekeeper_orders')} > 0)"
    return f"{growth(metric, *matchers, by=by)} / on (instance) group_left () ({orders} / 100)"


def count(vector: str) -> str:
    """Give the number of series of ``vector``, and 0 where there is none."""
    return f"count({vector}) or vector(0)"


def total(vector: str) -> str:
    """Give the sum of ``vector``, and 0 where it has no series."""
    return f"sum({vector}) or vector(0)"
