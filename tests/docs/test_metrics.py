"""The documented metrics are the ones that there are."""

import datetime as dt
import re
from pathlib import Path

from actions.ledger.file import LedgerFile
from actions.ledger.ledger import Ledger
from actions.receiver.metrics import ReceiverCollector

CHECKOUT = Path(__file__).parents[2]


def documented(heading: str) -> set[str]:
    """Give the metrics in one table of the document."""
    text = (CHECKOUT / "docs" / "metrics.md").read_text()
    part = text.split(f"## {heading}\n")[1].split("\n## ")[0]
    return set(re.findall(r"^\| `(storekeeper_\w+)`", part, re.MULTILINE))


def test_exporters_metrics_are_documented() -> None:
    """The table names exactly the families of the golden page."""
    page = (CHECKOUT / "tests" / "exporter" / "page.prom").read_text()
    assert set(re.findall(r"^# HELP (storekeeper_\w+)", page, re.MULTILINE)) == documented("Exporter")


def test_receivers_metrics_are_documented(tmp_path: Path) -> None:
    """The table names exactly the families that a receiver with an empty ledger shows."""
    ledger = Ledger(LedgerFile(tmp_path), now=lambda: dt.datetime.now(dt.UTC))
    families = {
        family.name + ("_total" if family.type == "counter" else "")
        for family in ReceiverCollector(
            ledger.file, shop="madamda", actions=(), reloaded=lambda: (True, 0.0)
        ).collect()
    }
    ledger.file.close()
    assert families == documented("Receiver")
