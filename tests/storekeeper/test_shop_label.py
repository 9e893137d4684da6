"""The label that tells the series of shops apart."""

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import generate_latest

from storekeeper.shop_label import with_shop


def test_every_sample_gets_the_shop_and_the_family_stays() -> None:
    """Counters keep their name, labels of their own stay, and what was given is not changed."""
    sizes = GaugeMetricFamily("sizes_bytes", "Sizes.", labels=("area",))
    sizes.add_metric(("media",), 3)
    lines = CounterMetricFamily("lines", "Lines.", value=2)

    class Families:
        """Both families with their label."""

        def collect(self) -> object:
            """Yield them."""
            return with_shop((sizes, lines), shop="madamda")

    text = generate_latest(Families()).decode()  # type: ignore[arg-type]

    assert 'sizes_bytes{area="media",shop="madamda"} 3.0\n' in text
    assert 'lines_total{shop="madamda"} 2.0\n' in text
    assert [sample.labels for sample in sizes.samples] == [{"area": "media"}]
