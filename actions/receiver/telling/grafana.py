"""The actions of a run as annotations in Grafana: organisation-wide ones, shown by their tags."""

import html
from typing import Any, Final

from actions.receiver.telling.run_end import ActionEnd, RunEnd
from storekeeper.config.services import Service
from storekeeper.units import format_size
from storekeeper.web.outgoing import ask

PATH: Final = "/api/annotations"
TAG: Final = "storekeeper"
# Grafana keeps this much of a tag.
_TAG_CHARACTERS: Final = 100


def annotate(service: Service, end: RunEnd, *, shop: str, page_url: str, again: bool) -> None:
    """
    Make an annotation for each action of a run, from its beginning to its end.

    ``again``: an earlier attempt may have come through; what is there already is not made twice. Raises
    ServiceFailed, ConfigurationError.
    """
    there = _annotated(service, end) if again else set()
    for action in end.actions:
        if (action.action, action.resource) not in there:
            ask(
                service,
                "POST",
                PATH,
                json_body={
                    "time": round(action.started * 1000),
                    "timeEnd": round(action.finished * 1000),
                    "tags": _tags(end, action, shop=shop),
                    "text": _text(end, action, page_url=page_url),
                },
            )


def _annotated(service: Service, end: RunEnd) -> set[tuple[str, str]]:
    # Several tags mean all of them.
    found = ask(
        service, "GET", PATH, query={"tags": [TAG, _run_tag(end)], "limit": 1000, "type": "annotation"}
    )
    tags: list[list[str]] = [annotation["tags"] for annotation in found or ()]
    return {
        (action.action, action.resource)
        for action in end.actions
        if any({action.action, action.resource} - {""} <= set(one) for one in tags)
    }


def _tags(end: RunEnd, action: ActionEnd, *, shop: str) -> list[str]:
    tags = (TAG, action.action, action.resource, action.state.value, shop, _run_tag(end))
    return [tag[:_TAG_CHARACTERS] for tag in dict.fromkeys(tags) if tag]


def _run_tag(end: RunEnd) -> str:
    return f"run:{end.run}"


def _text(end: RunEnd, action: ActionEnd, *, page_url: str) -> str:
    """Give the text, which Grafana shows as HTML."""
    lines: list[Any] = [
        f"{action.action} {action.state}, {format_size(action.freed_bytes)} freed",
        action.text,
        f"started by {end.reason}",
    ]
    told = "\n".join(html.escape(line) for line in lines if line)
    return f'{told}\n<a href="{html.escape(page_url)}/runs/{end.run}">run {end.run}</a>'
