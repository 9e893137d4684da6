"""
Write the dashboards to grafana/dashboards/, or to ``--output DIR``.

Needs the development dependencies only; the JSON files are what users load.
"""

import argparse
import json
from pathlib import Path
from typing import Final

import action_history
import databases
import logs_and_backups
import media
import overview
from frame import Dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder

DASHBOARDS: Final[tuple[Dashboard, ...]] = (
    overview.DASHBOARD,
    databases.DASHBOARD,
    media.DASHBOARD,
    logs_and_backups.DASHBOARD,
    action_history.DASHBOARD,
)


def write(dashboards: tuple[Dashboard, ...], *, into: Path) -> None:
    """Write each dashboard to ``<uid>.json`` in the folder ``into``; nothing changed gives the same bytes."""
    into.mkdir(parents=True, exist_ok=True)
    for dashboard in dashboards:
        text = json.dumps(dashboard.build(), cls=JSONEncoder, indent=2, sort_keys=True, ensure_ascii=False)
        (into / f"{dashboard.uid}.json").write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path(__file__).resolve().parent / "dashboards")
    write(DASHBOARDS, into=parser.parse_args().output)
