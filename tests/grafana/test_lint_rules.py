"""
The rules of Grafana's dashboard-linter, by their names there, held against the committed dashboards.

What dashboards/.lint excludes is excluded here as well. The two rules on LogQL become one: no Loki is used.
"""

import re
from typing import Any

import pytest
import yaml

from tests.grafana.queries import FOLDER, Json, dashboards, data_panels, metrics_in, selectors

DASHBOARDS = dashboards()
EXCLUDED: dict[str, Any] = yaml.safe_load((FOLDER / ".lint").read_text(encoding="utf-8"))["exclusions"]
SOURCE = {"type": "prometheus", "uid": "$datasource"}
UNITS = {
    "bytes",
    "decbytes",
    "percentunit",
    "s",
    "short",
    "none",
    "locale",
    "dateTimeAsIso",
    "dateTimeFromNow",
}

every_dashboard = pytest.mark.parametrize("dashboard", DASHBOARDS.values(), ids=list(DASHBOARDS))


def variables(dashboard: Json, *, kind: str) -> list[Json]:
    """Give the variables of one type."""
    return [each for each in dashboard["templating"]["list"] if each["type"] == kind]


def targets(dashboard: Json) -> list[tuple[str, Json]]:
    """Give (panel title, target) of all panels."""
    return [(panel["title"], target) for panel in data_panels(dashboard) for target in panel["targets"]]


def test_every_exclusion_has_a_reason_and_names_panels_that_exist() -> None:
    """An exclusion is narrow, explained and not forgotten when its panel goes."""
    titles = {panel["title"] for dashboard in DASHBOARDS.values() for panel in data_panels(dashboard)}
    for rule, exclusion in EXCLUDED.items():
        assert exclusion["reason"].endswith("."), rule
        assert {entry["panel"] for entry in exclusion.get("entries", [])} <= titles, rule
    everywhere = {rule for rule, exclusion in EXCLUDED.items() if "entries" not in exclusion}
    assert everywhere == {"template-job-rule", "target-job-rule"}


@every_dashboard
def test_template_datasource_rule(dashboard: Json) -> None:
    """One data source to choose, called as Grafana's own dashboards call it."""
    found = [(each["name"], each["label"], each["query"]) for each in variables(dashboard, kind="datasource")]
    assert found == [("datasource", "Data source", "prometheus")]


@every_dashboard
def test_template_job_rule(dashboard: Json) -> None:
    """Narrowed: in place of a job to choose, the shops and instances offered are storekeeper's own."""
    assert "template-job-rule" in EXCLUDED
    queries = {each["name"]: each["query"] for each in variables(dashboard, kind="query")}
    assert queries["shop"] == 'label_values(storekeeper_build_info{shop=~".+"}, shop)'
    assert queries["instance"] == 'label_values(storekeeper_build_info{shop=~"$shop"}, instance)'


@every_dashboard
def test_template_instance_rule(dashboard: Json) -> None:
    """Every list, shop and instance first, allows several values and all, from the chosen data source."""
    lists = variables(dashboard, kind="query")
    assert [(each["name"], each["label"]) for each in lists[:2]] == [
        ("shop", "Shop"),
        ("instance", "Instance"),
    ]
    for each in lists:
        assert (each["multi"], each["includeAll"], each["allValue"]) == (True, True, ".+"), each["name"]
        assert each["datasource"] == SOURCE, each["name"]


@every_dashboard
def test_template_label_promql_rule(dashboard: Json) -> None:
    """Every list is filled by label_values of a selector; that it parses is tested with the queries."""
    for each in variables(dashboard, kind="query"):
        assert re.fullmatch(r"label_values\([\w:]+\{.+\}, \w+\)", each["query"]), each["query"]


@every_dashboard
def test_template_on_time_change_reload_rule(dashboard: Json) -> None:
    """Every list is read again when the shown time changes."""
    assert {each["refresh"] for each in variables(dashboard, kind="query")} == {2}


@every_dashboard
def test_panel_datasource_rule(dashboard: Json) -> None:
    """Every panel, target and annotation uses the chosen data source."""
    for panel in data_panels(dashboard):
        assert panel["datasource"] == SOURCE, panel["title"]
    for title, target in targets(dashboard):
        assert target["datasource"] == SOURCE, title
    for annotation in dashboard["annotations"]["list"]:
        assert annotation["datasource"] == SOURCE, annotation["name"]


@every_dashboard
def test_panel_title_description_rule(dashboard: Json) -> None:
    """Every panel has a title and a description in whole sentences."""
    for panel in data_panels(dashboard):
        assert panel["title"]
        assert panel["description"].endswith("."), panel["title"]


@every_dashboard
def test_panel_units_rule(dashboard: Json) -> None:
    """Every panel and every column of a table has a unit that Grafana knows."""
    for panel in data_panels(dashboard):
        config = panel["fieldConfig"]
        given = {config["defaults"]["unit"]} | {
            each["value"]
            for override in config["overrides"]
            for each in override["properties"]
            if each["id"] == "unit"
        }
        assert given <= UNITS, panel["title"]


@every_dashboard
def test_panel_no_targets_rule(dashboard: Json) -> None:
    """No panel is without a query."""
    assert [panel["title"] for panel in data_panels(dashboard) if not panel["targets"]] == []


@every_dashboard
def test_target_rate_interval_rule(dashboard: Json) -> None:
    """Counters in graphs use $__rate_interval; single numbers may use the whole shown time."""
    for panel in data_panels(dashboard):
        allowed = {"$__rate_interval"} if panel["type"] == "timeseries" else {"$__range"}
        for target in panel["targets"]:
            windows = set(re.findall(r"(?:rate|irate|increase)\([^\[]+\[([^\]]+)\]", target["expr"]))
            assert windows <= allowed, panel["title"]


@every_dashboard
def test_target_job_rule(dashboard: Json) -> None:
    """Narrowed: `up`, which every job has, is asked of the targets that storekeeper was seen at only."""
    assert "target-job-rule" in EXCLUDED
    for title, target in targets(dashboard):
        if "up" in metrics_in(target["expr"]):
            joined = r"storekeeper:target:seen\{.*\}\[.*\]\) \* on \(job, instance\) group_left \(\) up\)$"
            assert re.search(joined, target["expr"]), title


@every_dashboard
def test_target_instance_rule(dashboard: Json) -> None:
    """Every selector keeps to the chosen shops and instances, apart from the panels that .lint excludes."""
    excluded = {entry["panel"] for entry in EXCLUDED["target-instance-rule"]["entries"]}
    for title, target in targets(dashboard):
        found = selectors(target["expr"])
        assert found, title
        for metric, matchers in found:
            # Disks of a process with several shops have no shop.
            of_hosts = (
                metric.startswith(("storekeeper_disk_", "storekeeper:usage:ratio")) or title in excluded
            )
            assert f'shop=~"$shop{"|" if of_hosts else ""}"' in matchers, (title, metric)
            assert f'instance=~"$instance{"|" if title in excluded else ""}"' in matchers, (title, metric)


@every_dashboard
def test_every_selector_has_braces(dashboard: Json) -> None:
    """A bare metric would escape the rule on instances."""
    for title, target in targets(dashboard):
        with_braces = {metric for metric, _ in selectors(target["expr"])}
        assert metrics_in(target["expr"]) - {"up"} == with_braces, title


@every_dashboard
def test_target_counter_agg_rule(dashboard: Json) -> None:
    """A counter is never shown as it is, always how it grows."""
    for title, target in targets(dashboard):
        bare = re.sub(r"(?:rate|irate|increase)\(\w+_total\{", "(", target["expr"])
        assert "_total{" not in bare, title


@every_dashboard
def test_uneditable_dashboard_rule(dashboard: Json) -> None:
    """The files are the truth, so the browser offers no change."""
    assert dashboard["editable"] is False


@every_dashboard
def test_target_logql_rule(dashboard: Json) -> None:
    """No target speaks LogQL: all data comes from Prometheus."""
    assert {each["query"] for each in variables(dashboard, kind="datasource")} == {"prometheus"}
