"""The exporter's page for people: where the metrics are, and how each measurement went."""

import base64
import hashlib
import html
from collections.abc import Sequence
from typing import Any, Final

from exporter.jobs import Job
from exporter.measuring import Measuring
from storekeeper import __version__
from storekeeper.log import escape

_STYLE: Final = """
:root { color-scheme: light dark; --text: #16191d; --quiet: #535c68; --ground: #f4f5f7; --card: #fff;
  --line: #d3d8df; --link: #0b4fb8; --good: #15693a; --bad: #b3141f; --unsure: #855300 }
@media (prefers-color-scheme: dark) { :root { --text: #e9ecf0; --quiet: #a4adb9; --ground: #0f1216;
  --card: #181c22; --line: #323a45; --link: #86b6ff; --good: #62d48b; --bad: #ff8b84; --unsure: #f2bb3a } }
* { box-sizing: border-box }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 44rem; margin: 0 auto; padding: 1rem;
  color: var(--text); background: var(--ground); overflow-wrap: anywhere }
h1 { font-size: 1.5rem; line-height: 1.2; margin: 1rem 0 .5rem }
h2 { font-size: 1.0625rem; margin: 1.5rem 0 .5rem }
a { color: var(--link); text-underline-offset: .15em }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px }
ul { padding: 0; margin: 0; list-style: none }
li a { display: inline-block; padding: .5rem 0; font-weight: 600 }
table { border-collapse: collapse; width: 100%; font-size: .9375rem; background: var(--card);
  border: 1px solid var(--line) }
th, td { text-align: left; padding: .45rem .7rem; border-bottom: 1px solid var(--line);
  vertical-align: top; font-weight: 400 }
th { min-width: 7.5rem }
thead th, footer, .quiet { color: var(--quiet) }
strong { font-weight: 650 }
.good { color: var(--good) } .bad { color: var(--bad) } .unsure { color: var(--unsure) }
"""

HEADERS: Final = {
    # Only this style, nothing else, from nowhere else.
    "content-security-policy": "default-src 'none'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'; img-src data:; style-src 'sha256-"
    + base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    + "'",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
}

_PAGE: Final = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>storekeeper exporter – {shop}</title>
<link rel="icon" href="data:,">
<style>{style}</style>
</head>
<body>
<main>
<h1>storekeeper exporter</h1>
<p>It measures the storage of the shop <strong><bdi>{shop}</bdi></strong> and changes nothing.</p>
<ul>
<li><a href="{metrics}">Metrics</a> <span class="quiet">for Prometheus to scrape</span></li>
<li><a href="/-/healthy">Healthy</a> <span class="quiet">whether the exporter runs</span></li>
<li><a href="/-/ready">Ready</a> <span class="quiet">whether everything was measured once</span></li>
</ul>
<h2>Measurements</h2>
<table>
<thead><tr><th scope="col">What</th><th scope="col">State</th></tr></thead>
<tbody>
{rows}
</tbody>
</table>
</main>
<footer><p>storekeeper {version}</p></footer>
</body>
</html>
"""


def landing_page(measuring: Measuring, *, metrics: str, now: float) -> str:
    """Give the page; ``now`` in seconds since 1970."""
    return _PAGE.format(
        shop=_text(measuring.config.shop),
        version=_text(__version__),
        metrics=_text(metrics),
        style=_STYLE,
        rows=_rows(measuring.jobs, now=now),
    )


def _rows(jobs: Sequence[Job[Any]], *, now: float) -> str:
    return "\n".join(
        f'<tr><th scope="row"><bdi>{_text(job.name)}</bdi></th><td>{_state(job, now=now)}</td></tr>'
        for job in jobs
    )


def _state(job: Job[Any], *, now: float) -> str:
    latest = job.latest
    age = "" if latest.measured_at is None else f"{_length(now - latest.measured_at)} ago"
    if not latest.attempts:
        return '<strong class="unsure">being measured</strong> for the first time'
    if latest.problem:
        shown = f", what is shown was measured {age}" if age else ""
        return f'<strong class="bad">failed</strong>{shown}: <bdi>{_text(latest.problem)}</bdi>'
    return f'<strong class="good">measured</strong> {age}, in {latest.duration_seconds:.1f}\u00a0s'


def _length(seconds: float) -> str:
    whole = max(0, int(seconds))
    return (
        f"{whole}\u00a0s"
        if whole < 120
        else f"{whole // 60}\u00a0min"
        if whole < 7200
        else f"{whole // 3600}\u00a0h"
    )


def _text(value: str) -> str:
    return html.escape(escape(value))
