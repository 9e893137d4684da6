"""
A storm of alerts on the receiver's webhook, beside Debian's ``webhook`` (adnanh/webhook) in the same storm.

    python -m benchmarks receiver [--alerts 10000] [--seconds 60] [--rounds 1] [--not-timed]

Every alert is distinct and comes in a message of its own, at its time, whether or not the earlier ones were
answered. The receiver is ``storekeeper receiver`` with the shipped playbooks on the sample shop; it writes
each alert to the disk before it answers. webhook answers at once, keeps nothing, and starts a command for
each. Prints one JSON line for each side, and the ratios of receiver to webhook. Ends with 1 when an alert
that was accepted is not in the ledger, when one was refused, when the slowest hundredth of the answers took
250 ms, or when a resource was acted on more or less than once. webhook is the Debian package of that name;
without it only the receiver is measured.
"""

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from benchmarks.receivers import RESOURCES, SHOP, TOKEN, Side, our_receiver, their_webhook
from benchmarks.storm import StormResult, make_alert, send_storm

TARGET_P99_SECONDS = 0.25


def main(arguments: list[str] | None = None) -> int:
    """Run the storms in turn, print the figures, give the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").strip().partition("\n")[0])
    parser.add_argument("--alerts", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument(
        "--not-timed",
        action="store_true",
        help="slow answers are no failure, as on a machine with other work",
    )
    given = parser.parse_args(arguments)
    sides: list[Callable[[Path], AbstractContextManager[Side]]] = [
        our_receiver,
        *([their_webhook] if shutil.which("webhook") else []),
    ]
    failed = False
    for _ in range(given.rounds):
        told = []
        for make in sides:
            with tempfile.TemporaryDirectory() as folder, make(Path(folder)) as side:
                told.append(measured(side, alerts=given.alerts, seconds=given.seconds))
                print(json.dumps(told[-1]), flush=True)
        ours = told[0]
        in_time = ours["p99_below_250_ms"] or given.not_timed
        kept_word = ours["once_each"] and in_time and not ours["lost"] and not ours["refused"]
        failed |= not kept_word
        if len(told) == 2:
            names = ("answer_p50_ms", "answer_p99_ms", "peak_memory_mb", "cpu_seconds")
            ratios = {name: round(told[0][name] / max(told[1][name], 0.01), 2) for name in names}
            print(json.dumps({"receiver_to_webhook": ratios}), flush=True)
    return 1 if failed else 0


def measured(side: Side, *, alerts: int, seconds: float) -> dict[str, Any]:
    """Send a storm to one side and give its figures."""
    memory_before = side.peak_memory_bytes()
    cpu_before = side.cpu_seconds()
    result: StormResult = send_storm(
        side.url,
        alerts=[make_alert(number, shop=SHOP, resources=RESOURCES) for number in range(alerts)],
        seconds=seconds,
        token=TOKEN,
    )
    runs = side.wait_for_runs()
    kept = side.kept()
    return {
        "program": side.name,
        "alerts": alerts,
        "seconds": seconds,
        "accepted": len(result.accepted),
        "refused": alerts - len(result.accepted),
        "lost": len(result.accepted - kept) if kept is not None else "keeps nothing",
        "answer_p50_ms": round(result.seconds(0.5) * 1000, 1),
        "answer_p99_ms": round(result.seconds(0.99) * 1000, 1),
        "answer_highest_ms": round(result.seconds(1) * 1000, 1),
        "p99_below_250_ms": result.seconds(0.99) < TARGET_P99_SECONDS,
        "memory_before_mb": round(memory_before / 1e6, 1),
        "peak_memory_mb": round(side.peak_memory_bytes() / 1e6, 1),
        "cpu_seconds": round(side.cpu_seconds() - cpu_before, 1),
        "runs": runs,
        "once_each": set(runs.values()) == {1} and len(runs) == len(RESOURCES),
    }


if __name__ == "__main__":
    sys.exit(main())
