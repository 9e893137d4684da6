"""Alerts, runbooks, dashboards and the files that load them agree with each other."""

import re

import pytest
import yaml

from tests.grafana.queries import FOLDER, Json, dashboards, data_panels

GRAFANA = FOLDER.parent
RULES = GRAFANA.parent / "alert_rules"
DASHBOARDS = dashboards()

every_dashboard = pytest.mark.parametrize("dashboard", DASHBOARDS.values(), ids=list(DASHBOARDS))


def alerts() -> dict[str, Json]:
    """Give alert name -> annotations, from all rule files."""
    return {
        rule["alert"]: rule["annotations"]
        for file in RULES.glob("*.yml")
        for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]
        for rule in group["rules"]
        if "alert" in rule
    }


def test_every_alert_opens_a_dashboard_that_exists() -> None:
    """The dashboard_url of each alert names one of our uids, and a variable that it has."""
    for alert, annotations in alerts().items():
        match = re.match(r"/d/([\w-]+)\?var-(\w+)=", annotations["dashboard_url"])
        assert match is not None, alert
        names = {variable["name"] for variable in DASHBOARDS[match[1]]["templating"]["list"]}
        assert match[2] in names, alert


@every_dashboard
def test_every_runbook_that_a_panel_links_to_exists(dashboard: Json) -> None:
    """Each link of a panel is the runbook of an alert, and the page is there."""
    addresses = {annotations["runbook_url"] for annotations in alerts().values()}
    for panel in data_panels(dashboard):
        for link in panel.get("links", []):
            assert link["url"] in addresses, panel["title"]
            assert (RULES / "runbooks" / link["url"].rpartition("/")[2]).is_file(), panel["title"]


def test_every_alert_is_explained_on_some_panel() -> None:
    """Whoever looks at a number that an alert watches finds what to do in one click."""
    linked = {
        link["title"].removeprefix("What to do: ")
        for dashboard in DASHBOARDS.values()
        for panel in data_panels(dashboard)
        for link in panel.get("links", [])
    }
    assert alerts().keys() - linked == set()


def test_the_overview_shows_every_alert_of_ours_and_links_it() -> None:
    """The list of firing alerts asks for exactly the alerts of the rules; a name opens its runbook."""
    panel = next(
        each for each in data_panels(DASHBOARDS["storekeeper-overview"]) if each["title"] == "Firing alerts"
    )
    asked = re.findall(r'alertname=~"([^"]+)"', panel["targets"][0]["expr"])
    assert {frozenset(names.split("|")) for names in asked} == {frozenset(alerts())}
    (link,) = (
        each["value"][0]["url"]
        for override in panel["fieldConfig"]["overrides"]
        for each in override["properties"]
        if each["id"] == "links"
    )
    for alert, annotations in alerts().items():
        assert link.replace("${__value.raw}", alert) == annotations["runbook_url"]


def test_the_provisioning_files_load_the_dashboards() -> None:
    """One Prometheus, one folder called storekeeper, no changes in the browser."""
    provisioning = GRAFANA / "provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources/storekeeper.yml").read_text())["datasources"]
    (provider,) = yaml.safe_load((provisioning / "dashboards/storekeeper.yml").read_text())["providers"]
    assert (source["type"], source["uid"]) == ("prometheus", "storekeeper-prometheus")
    assert (provider["folder"], provider["type"], provider["allowUiUpdates"]) == (
        "storekeeper",
        "file",
        False,
    )
    assert provider["options"]["path"] in (GRAFANA / "README.md").read_text(encoding="utf-8")


def test_the_readme_names_every_file() -> None:
    """Each dashboard and each Python file of the folder is explained."""
    text = (GRAFANA / "README.md").read_text(encoding="utf-8")
    files = [*FOLDER.glob("*.json"), *GRAFANA.glob("*.py")]
    assert [file.name for file in files if f"`{file.name}`" not in text] == []
