"""The page for people beside a drill's record."""

from typing import Any, Final

from jinja2 import Environment

from storekeeper.units import format_length, format_size

_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Recovery drill of {{ record.shop }}: {{ record.verdict }}</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; margin: 1rem 0 2rem; }
th, td { text-align: left; vertical-align: top; padding: .4rem .8rem; border-bottom: 1px solid #ccc; }
td { overflow-wrap: anywhere; }
.verified { color: #116329; } .failed { color: #a40e26; } .inconclusive { color: #7a4a00; }
</style>
</head>
<body>
<h1>Could we come back? <span class="{{ record.verdict }}">{{ record.verdict }}</span></h1>
<p>{{ record.shop }}, {{ record.finished }}, from {{ record.source }}.
{% if record.moment %}Rows of {{ record.moment }}, {{ age }} old. {% endif -%}
It took {{ "%.1f" | format(record.duration_seconds) }} s.</p>
<h2>Checks</h2>
<table><thead><tr><th>check</th><th>verdict</th><th>what was found</th></tr></thead><tbody>
{% for check in record.checks %}<tr><td>{{ check.name }}</td>
<td class="{{ check.verdict }}">{{ check.verdict }}</td><td>{{ check.told }}</td></tr>
{% endfor %}</tbody></table>
<h2>Time by stage</h2>
<table><thead><tr><th>stage</th><th>seconds</th></tr></thead><tbody>
{% for name, seconds in record.stages.items() %}<tr><td>{{ name }}</td>
<td>{{ "%.1f" | format(seconds) }}</td></tr>
{% endfor %}</tbody></table>
<h2>Backups</h2>
<table><thead><tr><th>file</th><th>of</th><th>moment</th><th>size</th></tr></thead><tbody>
{% for one in record.backups %}<tr><td>{{ one.file }}</td><td>{{ one.of }}</td><td>{{ one.moment }}</td>
<td>{{ one.size_bytes | size }}</td></tr>
{% endfor %}</tbody></table>
{% if record.notes %}<h2>Notes</h2>
<ul>{% for note in record.notes %}<li>{{ note }}</li>{% endfor %}</ul>{% endif %}
<p>The signed record is {{ evidence_file }}.</p>
</body>
</html>
"""


def page_of(record: dict[str, Any], *, evidence_file: str) -> str:
    """Return the page; everything in it is escaped."""
    environment = Environment(autoescape=True)
    environment.filters["size"] = format_size
    age = record["age_seconds"]
    return environment.from_string(_PAGE).render(
        record=record, evidence_file=evidence_file, age=format_length(age) if age is not None else ""
    )
