"""Pages whose unchanged families are not written again."""

from collections.abc import Iterator

import pytest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder

from exporter.rendering import FORMATS, Rendering

OPENMETRICS = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"


class Families:
    """A list of families as a collector."""

    def __init__(self, *families: Metric) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        """Give them."""
        return iter(self._families)


def sizes(**values: float) -> GaugeMetricFamily:
    """Give a family with a sample for each area."""
    family = GaugeMetricFamily("size_bytes", 'Bytes of "ហាង"\n.', labels=("area",))
    for area, value in values.items():
        family.add_metric((area,), value)
    return family


def lines(count: float) -> CounterMetricFamily:
    """Give a counter, whose sample is not named like its family."""
    return CounterMetricFamily("lines", "Lines.", value=count)


# Scrape after scrape: values that stay, change, come back; families that go, come, change places.
SCRAPES = (
    (sizes(media=1, logs=2), lines(3)),
    (sizes(media=1, logs=2), lines(4)),
    (sizes(media=float("nan"), logs=2), lines(4)),
    (lines(4),),
    (lines(4), sizes(logs=2, media=1)),
    (),
    (sizes(media=1, logs=2), lines(3)),
)


@pytest.mark.parametrize("accept", ["", OPENMETRICS, "text/plain;version=1.0.0;escaping=allow-utf-8"])
def test_every_page_is_what_the_encoder_writes_anew(accept: str) -> None:
    """Whatever was remembered, each page is the one that all its families give, to the byte."""
    rendering = Rendering()
    encoder, content_type = choose_encoder(accept)
    for families in SCRAPES:
        expected = encoder(Families(*families))
        assert (expected, content_type) == rendering.encode(Families(*families).collect, accept=accept)


def test_readers_of_different_formats_get_their_own() -> None:
    """Formats in turn, more than are remembered, never mix."""
    rendering = Rendering()
    accepts = [f"application/openmetrics-text;version=1.0.{number}" for number in range(2 * FORMATS)]
    for accept in ["", *accepts, "", OPENMETRICS]:
        encoder, content_type = choose_encoder(accept)
        assert (encoder(Families(lines(1))), content_type) == rendering.encode(
            Families(lines(1)).collect, accept=accept
        )
