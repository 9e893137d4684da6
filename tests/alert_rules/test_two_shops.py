"""Every rule keeps two shops on one instance apart, and bridges scrapes that fail."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
RULE_FILES = sorted((ROOT / "alert_rules").glob("*.yml"))
TEST_FILES = sorted((ROOT / "tests" / "alert_rules").glob("*.test.yml"))
RULES: list[dict[str, Any]] = [
    rule
    for path in RULE_FILES
    for group in yaml.safe_load(path.read_text("utf-8"))["groups"]
    for rule in group["rules"]
]
TWIN = "_twin"
SELECTOR = re.compile(
    r'(?<![\w:.])(storekeeper_\w+|(?=\{__name__))(\{(?:"[^"]*"|[^"}])*\})?\s*(\[\w+(?:\]))?'
)


def twin_of_series(series: str) -> str:
    """Return the same series of the shop's twin; what has no shop belongs to both."""
    return re.sub(r'shop="([^"]+)"', rf'shop="\1{TWIN}"', series)


def twin_of_alert(alert: dict[str, Any]) -> dict[str, Any]:
    """Return the alert that the shop's twin must get."""
    shop = alert["exp_labels"]["shop"]
    return {
        "exp_labels": {**alert["exp_labels"], "shop": f"{shop}{TWIN}"},
        "exp_annotations": {
            name: re.sub(
                rf"\b(of shop |of |on |for |at |Shop |var-shop=|^){shop}\b", rf"\g<1>{shop}{TWIN}", text
            )
            for name, text in alert["exp_annotations"].items()
        },
    }


def doubled(document: dict[str, Any], *, rules: Path) -> dict[str, Any]:
    """Return a promtool file in which each shop has a twin on its instance, which gets the same alerts."""
    tests = []
    for test in document["tests"]:
        series = [
            {"series": name, "values": one["values"]}
            for one in test["input_series"]
            for name in dict.fromkeys((one["series"], twin_of_series(one["series"])))
        ]
        expectations = []
        for one in test.get("alert_rule_test", []):
            alerts = one.get("exp_alerts", [])
            twins = [twin_of_alert(alert) for alert in alerts if "shop" in alert["exp_labels"]]
            expectations.append({**one, "exp_alerts": [*alerts, *twins]})
        tests.append({"interval": test["interval"], "input_series": series, "alert_rule_test": expectations})
    rule_files = [str(rules / Path(name).name) for name in document["rule_files"]]
    return {**document, "rule_files": rule_files, "tests": tests}


@pytest.mark.parametrize("test_file", TEST_FILES, ids=lambda path: path.name)
def test_two_shops_on_one_instance_get_an_alert_each(test_file: Path, tmp_path: Path) -> None:
    """With the same figures twice, under two shops, each expectation holds for both."""
    document = doubled(yaml.safe_load(test_file.read_text("utf-8")), rules=ROOT / "alert_rules")
    path = tmp_path / "doubled.test.yml"
    path.write_text(yaml.safe_dump(document), "utf-8")

    told = subprocess.run(["promtool", "test", "rules", path], capture_output=True, text=True, check=False)

    assert told.returncode == 0, told.stdout + told.stderr


def test_every_alert_has_an_expectation_that_names_a_shop() -> None:
    """The test above doubles something for each alert."""
    told = {
        expectation["alertname"]
        for path in TEST_FILES
        for test in yaml.safe_load(path.read_text("utf-8"))["tests"]
        for expectation in test.get("alert_rule_test", [])
        for alert in expectation.get("exp_alerts", [])
        if "shop" in alert["exp_labels"]
    }

    assert {rule["alert"] for rule in RULES if "alert" in rule} == told


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.get("alert") or rule["record"])
def test_no_rule_gathers_by_the_instance_alone(rule: dict[str, Any]) -> None:
    """What is gathered keeps shop and instance: without the job, or by a target of Prometheus."""
    by = re.findall(r"\bby\s*\(([^)]*)\)", rule["expr"])
    on = re.findall(r"\bon\s*\(([^)]*)\)", rule["expr"])
    without = re.findall(r"\bwithout\s*\(([^)]*)\)", rule["expr"])

    # `up` is of a target, which has a job and knows no shop.
    assert set(by) <= {"job, instance"}
    assert set(on) <= {"shop, instance", "job, instance", "job, shop, instance", "shop", ""}
    assert all({"shop", "instance"}.isdisjoint(labels.split(", ")) for labels in without)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.get("alert") or rule["record"])
def test_every_figure_of_a_scrape_is_bridged(rule: dict[str, Any]) -> None:
    """A bare figure would be gone with each scrape that fails: all are read over time."""
    bare = [found[0] for found in SELECTOR.findall(rule["expr"]) if not found[2]]
    bridges = re.findall(
        r"last_over_time\(\s*(?:storekeeper_\w+|\{__name__)[^\[]*\[(\w+)\](?! offset)", rule["expr"]
    )

    assert bare == []
    assert set(bridges) <= {"10m"}


def test_the_labels_that_the_watch_leaves_out_are_all_that_there_are() -> None:
    """A label that the rules on what is measured did not know would make of one shop several."""
    page = (ROOT / "tests" / "exporter" / "page.prom").read_text("utf-8")
    names = "build_info|collector_success|area_size_bytes|database_size_bytes|disk_used_bytes"
    watched = re.compile(rf"^storekeeper_(?:{names})\{{(.*)\}} ", re.MULTILINE)
    shown = {label for found in watched.findall(page) for label in re.findall(r'(\w+)="', found)}
    rules = {
        rule["record"]: rule["expr"] for rule in RULES if rule.get("record", "").startswith("storekeeper:")
    }
    for record in ("storekeeper:target:seen", "storekeeper:shop:measured"):
        (left_out,) = re.findall(r"without \(([^)]*)\)", rules[record])
        # Disks and versions differ from machine to machine, so their labels are not on the page of the test.
        assert shown | {"host", "mountpoint"} <= {*left_out.split(", "), "shop"}
