"""The runbooks: one page per alert, of one form, with commands and queries that exist."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from actions.receiver.telling.names import OWN_ALERTS

ROOT = Path(__file__).resolve().parents[2]
RUNBOOKS = ROOT / "alert_rules" / "runbooks"
INDEX = RUNBOOKS / "README.md"
# Read when no alert can come any more.
WORST_DAY = RUNBOOKS / "TheMachineIsGone.md"
PAGES = sorted(path for path in RUNBOOKS.glob("*.md") if path not in (INDEX, WORST_DAY))
ALERT_NAMES = {
    rule["alert"]
    for path in (ROOT / "alert_rules").glob("*.yml")
    for group in yaml.safe_load(path.read_text("utf-8"))["groups"]
    for rule in group["rules"]
    if "alert" in rule
} | set(OWN_ALERTS)
HEADINGS = ["Meaning", "Impact", "What storekeeper does by itself", "Diagnosis", "Mitigation"]

# The commands that a page may name, each with the options that it may give.
COMMANDS = {
    "storage_info": {"--json"},
    "check-clock": {"--is-right"},
    "check-config": set(),
    "exporter": set(),
    "receiver": set(),
    "runs": set(),
    "approve": set(),
    "approvals": {"--withdraw"},
    "cancel": set(),
    "cleanup_expired_qr_codes": {"--days", "--dry-run"},
    "backup_database": {"--compress", "--verify"},
    "backup_media": {"--area"},
    "prune_backups": {"--dry-run"},
    "verify_backup": {"--identity"},
    "rotate_logs": {"--dry-run"},
    "optimize_database": {"--dry-run"},
    "optimize_images": {"--dry-run", "--undo"},
    "cleanup_orphaned_media": {"--dry-run", "--restore"},
    "find_large_files": set(),
    "restore_backup": {"--replace"},
    "recovery-key": set(),
    "recover": {"--from", "--at", "--identity", "--dry-run", "--unverified"},
    "drill": {"--from", "--history", "--identity"},
}

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
every_text = pytest.mark.parametrize("page", [*PAGES, WORST_DAY], ids=lambda path: path.stem)


def blocks(text: str, *, language: str) -> list[str]:
    """Give the code blocks of one language."""
    return re.findall(rf"^ *```{language}\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)


def commands(text: str) -> list[str]:
    """Give every storekeeper command line on a page, in a block or in the text."""
    lines = [line.strip() for block in blocks(text, language="sh") for line in block.splitlines()]
    return [line for line in [*lines, *re.findall(r"`([^`\n]+)`", text)] if line.startswith("storekeeper ")]


def test_every_alert_has_its_page_and_no_page_is_left_over() -> None:
    """The link in each alert leads somewhere."""
    assert {page.stem for page in PAGES} == ALERT_NAMES


def test_the_index_names_every_page_once() -> None:
    """Somebody who opens the folder finds each page from the index."""
    linked = re.findall(r"^\| \[(\w+)\]\((\w+)\.md\)", INDEX.read_text("utf-8"), re.MULTILINE)

    assert sorted(linked) == [(name, name) for name in sorted(ALERT_NAMES)]


@every_page
def test_a_page_has_the_five_parts_in_order(page: Path) -> None:
    """At night, everybody knows where on the page to look."""
    text = page.read_text("utf-8")

    assert text.startswith(f"# {page.stem}\n")
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == HEADINGS
    assert re.search(r"^## (.*)\n+##", text, re.MULTILINE) is None


@every_text
def test_a_page_names_only_commands_and_options_that_exist(page: Path) -> None:
    """What a page says to type works."""
    unknown = [
        line
        for line in commands(page.read_text("utf-8"))
        for _, name, *words in [line.split()]
        if name not in COMMANDS
        or {word.split("=")[0] for word in words if word.startswith("-")} - COMMANDS[name]
    ]

    assert unknown == []


@every_page
def test_a_page_shows_a_command_or_a_query_that_looks_closer(page: Path) -> None:
    """Diagnosis is done, not described."""
    diagnosis = page.read_text("utf-8").split("## Diagnosis")[1].split("## Mitigation")[0]

    assert blocks(diagnosis, language="promql") != []


@every_page
def test_prometheus_understands_every_query_of_a_page(page: Path, tmp_path: Path) -> None:
    """Each query can be pasted as it is."""
    queries = blocks(page.read_text("utf-8"), language="promql")
    rules = [{"record": f"query:{number}:x", "expr": query} for number, query in enumerate(queries)]
    rule_file = tmp_path / "queries.yml"
    rule_file.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}), "utf-8")

    checked = subprocess.run(
        ["promtool", "check", "rules", rule_file], capture_output=True, text=True, check=False
    )

    assert checked.returncode == 0, checked.stdout + checked.stderr


@every_page
def test_links_between_pages_lead_to_pages(page: Path) -> None:
    """A page that refers to another names one that is there."""
    linked = re.findall(r"\]\(([^)#]+\.md)\)", page.read_text("utf-8"))

    assert [link for link in linked if not (RUNBOOKS / link).is_file()] == []
