"""The label ``shop``, which tells the series of two shops apart whatever Prometheus calls their processes."""

from collections.abc import Iterable, Iterator
from typing import Final

from prometheus_client.metrics_core import Metric

SHOP: Final = "shop"


def with_shop(families: Iterable[Metric], *, shop: str) -> Iterator[Metric]:
    """Yield each family with the label ``shop`` on all its samples; the families given stay as they are."""
    own = {SHOP: shop}
    for family in families:
        labelled = Metric(family.name, family.documentation, family.type, family.unit)
        labelled.samples = [sample._replace(labels=own | sample.labels) for sample in family.samples]
        yield labelled
