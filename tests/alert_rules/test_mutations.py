"""
Prove that the promtool tests hold every figure of the rules in place.

Each threshold, duration and operator of a rule file is changed, and each place that keeps shops apart, one at
a time; some promtool test must then fail. ``survivors`` is the reusable part.
"""

import re
import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
RULE_FILES = sorted((ROOT / "alert_rules").glob("*.yml"))

TOKEN = re.compile(
    r"""
      # The bridges over scrapes that fail, and over an hour without Prometheus, are the same everywhere: one
      # test of each holds its length.
      (?P<bridged> last_over_time \( \s* [\w:]* (?: \{ (?: "[^"]*" | [^"}] )* \} )? \[(?:10m|1h)\] )
    | (?P<skipped> "[^"]*" | \{[^}]*\} )                  # strings and label matchers
    | (?P<labels> \b(?:without|on|ignoring|by) \s* \( [^()]* \) )
    | (?P<word> [A-Za-z_:][\w:]* )                        # before numbers: increase30d is one word
    | (?P<duration> \d+(?:ms|[smhdwy]) )
    | (?P<number> \d+(?:\.\d+)?(?:e\d+)? )
    | (?P<comparison> >=|<=|==|!=|>|< )
    """,
    re.VERBOSE,
)
COMPARISONS = {
    ">": (">=", "<"),
    ">=": (">", "<"),
    "<": ("<=", ">"),
    "<=": ("<", ">"),
    "==": ("!=",),
    "!=": ("==",),
}
SET_OPERATORS = {"and": ("or", "unless"), "or": ("and",), "unless": ("and",)}
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """One changed rule file, and what was changed where."""

    text: str
    rule_name: str
    change: str


def other_durations(text: str) -> list[str]:
    """Give half a duration of one unit and half as much again, in seconds."""
    seconds = int(text[:-1]) * SECONDS[text[-1]]
    return [f"{seconds // 2}s", f"{seconds * 3 // 2}s"]


def other_numbers(text: str) -> list[str]:
    """Give the numbers a tenth below and above; for zero its neighbours."""
    number = float(text)
    return ["-1", "1"] if number == 0 else [repr(number * 0.9), repr(number * 1.1)]


def without_shop(text: str) -> Sequence[str]:
    """Return a ``without``, ``by``, ``on`` or ``ignoring`` that no longer keeps shops apart."""
    keyword, _, inside = text.removesuffix(")").partition("(")
    labels = [label.strip() for label in inside.split(",") if label.strip()]
    if keyword.strip() in ("without", "ignoring"):
        return [f"{keyword}({', '.join([*labels, 'shop'])})"]
    return (
        [f"{keyword}({', '.join(label for label in labels if label != 'shop')})"] if "shop" in labels else []
    )


def replacements(text: str, *, kind: str) -> Sequence[str]:
    """Give what to write instead of a token; nothing for names, strings and label matchers."""
    if kind == "duration":
        return other_durations(text)
    if kind == "number":
        return other_numbers(text)
    if kind == "comparison":
        return COMPARISONS[text]
    if kind == "labels":
        return without_shop(text)
    return SET_OPERATORS.get(text, ())


def changed_expressions(expression: str) -> Iterator[tuple[str, str]]:
    """Give every expression that differs in one token, with the change in words."""
    for token in TOKEN.finditer(expression):
        text = token.group()
        for replacement in replacements(text, kind=str(token.lastgroup)):
            yield (
                expression[: token.start()] + replacement + expression[token.end() :],
                f"{text} -> {replacement} at {token.start()}",
            )


def mutants(rule_file_text: str) -> Iterator[Mutant]:
    """Give every rule file that differs from this one in one figure or operator."""
    document: dict[str, Any] = yaml.safe_load(rule_file_text)
    for group in document["groups"]:
        for position, rule in enumerate(group["rules"]):
            changes = [("expr", *change) for change in changed_expressions(rule["expr"])]
            for field in ("for", "keep_firing_for"):
                if field in rule:
                    changes += [
                        (field, other, f"{rule[field]} -> {other}") for other in other_durations(rule[field])
                    ]
            for field, value, change in changes:
                original = rule[field]
                rule[field] = value
                name = rule.get("alert") or rule["record"]
                yield Mutant(
                    text=yaml.safe_dump(document, sort_keys=False),
                    rule_name=name,
                    change=f"{name} (rule {position}) {field}: {change}",
                )
                rule[field] = original


def single_tests(rule_file: Path, *, test_files: Path) -> list[str]:
    """Give each test of the promtool files in a folder that load this rule file, as a file of its own."""
    documents = [yaml.safe_load(path.read_text()) for path in sorted(test_files.glob("*.test.yml"))]
    return [
        yaml.safe_dump({**document, "tests": [test]})
        for document in documents
        if any(Path(loaded).name == rule_file.name for loaded in document["rule_files"])
        for test in document["tests"]
    ]


def passes(test: str, *, rules: str, rule_file: Path, folder: Path) -> bool:
    """Run one promtool test against the text of one rule file, in a new folder."""
    (folder / "alert_rules").mkdir(parents=True)
    (folder / "tests" / "alert_rules").mkdir(parents=True)
    (folder / "alert_rules" / rule_file.name).write_text(rules)
    path = folder / "tests" / "alert_rules" / "single.test.yml"
    path.write_text(test)
    finished = subprocess.run(["promtool", "test", "rules", path], capture_output=True, check=False)
    # A rule file that does not load fails every test and would prove nothing.
    assert finished.returncode == 0 or re.search(b" (exp|rule):", finished.stderr), finished
    return finished.returncode == 0


def survivors(rule_file: Path, *, test_files: Path, scratch: Path, step: int = 1) -> list[str]:
    """
    Run the promtool tests against each ``step``-th mutant of a rule file and name the changes none noticed.

    ``scratch`` is an empty folder. Two runs go side by side; tests that name the changed rule go first.
    """
    tests = single_tests(rule_file, test_files=test_files)

    def survives(numbered: tuple[int, Mutant]) -> bool:
        number, mutant = numbered
        likely_first = sorted(tests, key=lambda test: mutant.rule_name not in test)
        return all(
            passes(test, rules=mutant.text, rule_file=rule_file, folder=scratch / f"{number}-{position}")
            for position, test in enumerate(likely_first)
        )

    every = list(mutants(rule_file.read_text()))[::step]
    with ThreadPoolExecutor(max_workers=2) as pool:
        survived = pool.map(survives, enumerate(every))
        return [mutant.change for mutant, lives in zip(every, survived, strict=True) if lives]


@pytest.mark.parametrize("rule_file", RULE_FILES, ids=lambda path: path.name)
def test_every_changed_figure_is_noticed(rule_file: Path, tmp_path: Path, thorough: bool) -> None:
    """Any other threshold, duration or operator in a rule file makes a promtool test fail."""
    step = 1 if thorough else 4
    assert survivors(rule_file, test_files=ROOT / "tests" / "alert_rules", scratch=tmp_path, step=step) == []


def test_a_figure_that_no_test_holds_is_found(tmp_path: Path) -> None:
    """A rule without a boundary test shows up as a survivor, and only its loose figures do."""
    rules = tmp_path / "alert_rules"
    tests = tmp_path / "tests"
    rules.mkdir()
    tests.mkdir()
    rule_file = rules / "loose.yml"
    rule_file.write_text(
        "groups: [{name: g, rules: [{alert: Loose, expr: 'full_ratio > 0.5', for: 2m}]}]", encoding="utf-8"
    )
    (tests / "loose.test.yml").write_text(
        "rule_files: [../../alert_rules/loose.yml]\n"
        "evaluation_interval: 1m\n"
        "tests:\n"
        "- interval: 1m\n"
        "  input_series: [{series: full_ratio, values: 1x9}]\n"
        "  alert_rule_test:\n"
        "  - {alertname: Loose, eval_time: 1m}\n"
        "  - {alertname: Loose, eval_time: 2m, exp_alerts: [{}]}\n",
        encoding="utf-8",
    )

    found = survivors(rule_file, test_files=tests, scratch=tmp_path / "scratch")

    assert found == [
        "Loose (rule 0) expr: > -> >= at 11",
        "Loose (rule 0) expr: 0.5 -> 0.45 at 13",
        "Loose (rule 0) expr: 0.5 -> 0.55 at 13",
    ]
