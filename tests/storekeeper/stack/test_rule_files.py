"""The shipped rules at the pace of a demonstration."""

import subprocess
from pathlib import Path

import pytest
import yaml

from storekeeper.stack.rule_files import duration_seconds, shorten

RULE_FILES = sorted((Path(__file__).resolve().parents[3] / "alert_rules").glob("*.yml"))


def test_long_holds_are_cut_and_short_ones_stay() -> None:
    """for and keep_firing_for are capped; what is shorter or absent is left alone."""
    text = """
    groups:
      - name: storekeeper-sample
        rules:
          - {record: a, expr: b}
          - {alert: Long, expr: c > 1, for: 1h30m, keep_firing_for: 5m}
          - {alert: Short, expr: c > 1, for: 2s}
          - {alert: Equal, expr: c > 1, for: 4s}
          - {alert: None, expr: c > 1}
    """

    assert yaml.safe_load(shorten(text, hold_seconds=4))["groups"][0]["rules"] == [
        {"record": "a", "expr": "b"},
        {"alert": "Long", "expr": "c > 1", "for": "4s", "keep_firing_for": "4s"},
        {"alert": "Short", "expr": "c > 1", "for": "2s"},
        {"alert": "Equal", "expr": "c > 1", "for": "4s"},
        {"alert": "None", "expr": "c > 1"},
    ]


@pytest.mark.parametrize("rule_file", RULE_FILES, ids=lambda path: path.name)
def test_a_shortened_rule_file_differs_in_its_holds_only(rule_file: Path, tmp_path: Path) -> None:
    """Prometheus accepts every shipped file after the cut, and nothing but the holds has changed."""
    before = yaml.safe_load(rule_file.read_text("utf-8"))
    shortened = shorten(rule_file.read_text("utf-8"), hold_seconds=4)
    (tmp_path / rule_file.name).write_text(shortened, "utf-8")

    checked = subprocess.run(
        ["promtool", "check", "rules", "--lint=all", "--lint-fatal", tmp_path / rule_file.name],
        capture_output=True,
        text=True,
        check=False,
    )
    after = yaml.safe_load(shortened)
    for document in (before, after):
        for group in document["groups"]:
            for rule in group["rules"]:
                rule.pop("for", None)
                rule.pop("keep_firing_for", None)

    assert (checked.returncode, after) == (0, before), checked.stderr


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0.0), (0, 0.0), ("250ms", 0.25), ("30s", 30.0), ("5m", 300.0), ("1h30m", 5400.0), ("1d", 86400.0)],
)
def test_durations_are_read_as_prometheus_writes_them(text: str | int, seconds: float) -> None:
    """One or more numbers with units, or zero."""
    assert duration_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "5 m", "m5", "5m!", "1.5h"])
def test_anything_else_is_no_duration(text: str) -> None:
    """What Prometheus would refuse is refused here, with what to write."""
    with pytest.raises(ValueError, match="write 30s, 5m or 1h30m"):
        duration_seconds(text)
