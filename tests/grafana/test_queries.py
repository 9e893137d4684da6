"""Every query of every dashboard names known metrics, parses, and shows data in a real Prometheus."""

import re
import shutil
import subprocess
import time
import urllib.error
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.grafana.metrics import KNOWN, SHOPS
from tests.grafana.queries import (
    MAY_BE_EMPTY,
    Json,
    annotation_queries,
    dashboards,
    fill_in,
    metrics_in,
    panel_queries,
    variable_selectors,
)

DASHBOARDS = dashboards()

every_dashboard = pytest.mark.parametrize("dashboard", DASHBOARDS.values(), ids=list(DASHBOARDS))


def everything_asked(dashboard: Json) -> list[tuple[str, str]]:
    """Give (name, expression) of all panels, annotations and lists of a dashboard."""
    return [
        *panel_queries(dashboard),
        *annotation_queries(dashboard),
        *((name, selector) for name, selector, _ in variable_selectors(dashboard)),
    ]


def test_the_names_of_metrics_are_found_in_an_expression() -> None:
    """The helper sees metrics with braces and without, and neither labels nor strings."""
    found = metrics_in('sum by (up_to) (storekeeper_a{x="storekeeper_b"}) / storekeeper:c:ratio + up')
    assert found == {"storekeeper_a", "storekeeper:c:ratio", "up"}


def test_variables_are_filled_in() -> None:
    """All is chosen, and the group of a label_replace is no variable."""
    dashboard = {"templating": {"list": [{"type": "query", "name": "instance", "allValue": ".+"}]}}
    expression = (
        'label_replace(increase(x{instance=~"$instance|"}[$__rate_interval]), "a", "$1", "b", "(.*)")'
    )
    expected = 'label_replace(increase(x{instance=~".+|"}[5m]), "a", "$1", "b", "(.*)")'
    assert fill_in(expression, dashboard=dashboard) == expected


@every_dashboard
def test_every_metric_is_known(dashboard: Json) -> None:
    """A dashboard names only metrics that the exporter, the receiver, the rules or Prometheus make."""
    unknown = {
        (name, metric)
        for name, expression in everything_asked(dashboard)
        for metric in metrics_in(expression) - KNOWN
    }
    assert unknown == set()


def test_every_metric_is_shown_somewhere() -> None:
    """No metric is measured for nothing; the size of a disk is what used and available do not add up to."""
    shown = {
        metric
        for dashboard in DASHBOARDS.values()
        for _, expression in everything_asked(dashboard)
        for metric in metrics_in(expression)
    }
    assert KNOWN - shown == {"storekeeper_disk_size_bytes"}


@every_dashboard
def test_every_expression_parses(dashboard: Json, tmp_path: Path) -> None:
    """promtool reads every expression, each wrapped as a recording rule."""
    rules = [
        {"record": f"asked:{number}", "expr": expression}
        for number, (_, expression) in enumerate(everything_asked(dashboard))
    ]
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "asked", "rules": rules}]}))
    promtool = shutil.which("promtool")
    assert promtool, "promtool is needed: apt-get install prometheus"
    done = subprocess.run([promtool, "check", "rules", file], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_every_query_shows_data(ask: Callable[[str], list[Any]]) -> None:
    """With all metrics there and alerts firing, no panel, annotation or list of any dashboard is empty."""
    asked = [
        (uid, name, expression)
        for uid, dashboard in DASHBOARDS.items()
        for name, expression in everything_asked(dashboard)
    ]
    # Rates need two scrapes, and alerts a few evaluations.
    deadline = time.monotonic() + 90
    while True:
        series = [len(answer_to(expression, ask=ask)) for _, _, expression in asked]
        if all(series) or time.monotonic() > deadline:
            break
        time.sleep(1)
    for (uid, name, expression), number in zip(asked, series, strict=True):
        print(f"{uid} | {name} | {number} | {expression}")
    empty = [(uid, name) for (uid, name, _), number in zip(asked, series, strict=True) if not number]
    assert empty == []


def test_no_query_mixes_shops(ask: Callable[[str], list[Any]]) -> None:
    """With one of two shops chosen, on one instance, nothing of the other is shown; totals fall with it."""
    wait_for_both_shops(ask)
    for uid, dashboard in DASHBOARDS.items():
        for name, expression in everything_asked(dashboard):
            for one in SHOPS:
                chosen = re.sub(r'shop=~"\.\+(\|?)"', rf'shop=~"{one}\1"', expression)
                shown = {each["metric"].get("shop") for each in answer_to(chosen, ask=ask)}
                assert shown <= {one, None}, (uid, name, chosen)
                # What counts or sums up names no shop; all else does.
                assert None not in shown or "or vector(0)" in chosen, (uid, name, chosen)


def wait_for_both_shops(ask: Callable[[str], list[Any]]) -> None:
    """Return when the rules have been evaluated for both shops."""
    deadline = time.monotonic() + 60
    while len(ask("count by (shop) (storekeeper:usage:ratio)")) < len(SHOPS) and time.monotonic() < deadline:
        time.sleep(0.5)


def answer_to(expression: str, *, ask: Callable[[str], list[Any]]) -> list[Any]:
    """Give the series, and tell which expression it was when Prometheus refuses it."""
    try:
        return ask(expression)
    except urllib.error.HTTPError as error:
        pytest.fail(f"{expression}\n{error.read().decode()}")


def test_panels_that_may_be_empty_exist() -> None:
    """The table of panels that may show nothing names no panel that is gone."""
    titles = {name for dashboard in DASHBOARDS.values() for name, _ in panel_queries(dashboard)}
    assert MAY_BE_EMPTY.keys() - titles == set()
