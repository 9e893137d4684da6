"""The panels of each dashboard have a place, a number and a form that a person can rely on."""

import itertools

import pytest

from tests.grafana.queries import Json, dashboards, data_panels

DASHBOARDS = dashboards()
COLUMNS = 24

every_dashboard = pytest.mark.parametrize("dashboard", DASHBOARDS.values(), ids=list(DASHBOARDS))


def cells(panel: Json) -> set[tuple[int, int]]:
    """Give the cells of the grid that a panel covers."""
    place = panel["gridPos"]
    across = range(place["x"], place["x"] + place["w"])
    down = range(place["y"], place["y"] + place["h"])
    return set(itertools.product(across, down))


@every_dashboard
def test_panels_do_not_overlap(dashboard: Json) -> None:
    """No cell of the grid belongs to two panels."""
    overlaps = [
        (one["title"], other["title"])
        for one, other in itertools.combinations(dashboard["panels"], 2)
        if cells(one) & cells(other)
    ]
    assert overlaps == []


@every_dashboard
def test_panels_fill_the_grid_without_holes(dashboard: Json) -> None:
    """From the first line to the last, all 24 columns are covered and none beyond."""
    covered = set().union(*(cells(panel) for panel in dashboard["panels"]))
    height = max(y for _, y in covered) + 1
    assert covered == set(itertools.product(range(COLUMNS), range(height)))


@every_dashboard
def test_numbers_of_panels_are_unique(dashboard: Json) -> None:
    """A link to one panel opens that panel."""
    numbers = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(numbers)) == len(numbers)
    assert min(numbers) > 0


@every_dashboard
def test_titles_are_unique(dashboard: Json) -> None:
    """The number of a panel comes from its title, and people call it by that."""
    titles = [panel["title"] for panel in dashboard["panels"]]
    assert len(set(titles)) == len(titles)


@every_dashboard
def test_queries_of_a_panel_have_letters_of_their_own(dashboard: Json) -> None:
    """Overrides and columns find their query by its letter."""
    for panel in data_panels(dashboard):
        letters = [target["refId"] for target in panel["targets"]]
        assert letters == list("ABCDEFGH"[: len(letters)]), panel["title"]


@every_dashboard
def test_decimals_are_told(dashboard: Json) -> None:
    """No panel and no column of a table leaves the number of decimals to chance."""
    for panel in data_panels(dashboard):
        assert isinstance(panel["fieldConfig"]["defaults"]["decimals"], int), panel["title"]
        for override in panel["fieldConfig"]["overrides"]:
            properties = {each["id"] for each in override["properties"]}
            assert ("unit" in properties) == ("decimals" in properties), panel["title"]


@every_dashboard
def test_shares_of_a_limit_have_the_colours_of_the_alerts(dashboard: Json) -> None:
    """Wherever storekeeper:usage:ratio is shown, it turns yellow at 80%, orange at 90% and red at 95%."""
    colours = [
        {"color": "green", "value": None},
        {"color": "yellow", "value": 0.80},
        {"color": "orange", "value": 0.90},
        {"color": "red", "value": 0.95},
    ]
    for panel in data_panels(dashboard):
        asks = [target["expr"] for target in panel["targets"]]
        if panel["type"] != "table" and any("storekeeper:usage:ratio" in ask for ask in asks):
            assert panel["fieldConfig"]["defaults"]["thresholds"]["steps"] == colours, panel["title"]


@every_dashboard
def test_the_columns_of_a_table_are_named(dashboard: Json) -> None:
    """Every label and value that a table's queries give has a title, and overrides name existing titles."""
    for panel in data_panels(dashboard):
        if panel["type"] == "table":
            order = panel["transformations"][1]["options"]
            many = len(panel["targets"]) > 1
            values = {f"Value #{target['refId']}" if many else "Value" for target in panel["targets"]}
            assert values <= order["renameByName"].keys(), panel["title"]
            named = {override["matcher"]["options"] for override in panel["fieldConfig"]["overrides"]}
            assert named <= set(order["renameByName"].values()), panel["title"]
            assert panel["options"]["sortBy"][0]["displayName"] in order["renameByName"].values()


@every_dashboard
def test_the_dashboards_link_to_each_other(dashboard: Json) -> None:
    """Each has the tag that the list of dashboards shows, and takes the time and the instance along."""
    links = [link for link in dashboard["links"] if link["type"] == "dashboards"]
    assert dashboard["tags"] == ["storekeeper"]
    assert [(link["tags"], link["keepTime"], link["includeVars"]) for link in links] == [
        (["storekeeper"], True, True)
    ]
