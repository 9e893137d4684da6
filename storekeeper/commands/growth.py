"""How large everything was a month ago, as the configured Prometheus remembers it."""

from collections.abc import Mapping
from typing import Any

from storekeeper.config import Config
from storekeeper.errors import StorekeeperError
from storekeeper.web.outgoing import ServiceFailed, ask

# Made by the rules in alert_rules/growth.yml: the average of the day a month ago.
QUERY = "storekeeper:size_month_ago:bytes"


def sizes_month_ago(config: Config) -> Mapping[str, int]:
    """
    Give the bytes of a month ago by the names of the report: ``database default``, ``media``.

    Empty where the config names no Prometheus, or where it does not remember this shop for so long. Raises
    StorekeeperError when it does not answer.
    """
    if config.prometheus is None:
        return {}
    url = config.prometheus.url.rstrip("/")
    try:
        query = f'{QUERY}{{shop="{config.shop}"}}'
        answer = ask(config.prometheus, "GET", "/api/v1/query", query={"query": query})
        series: list[dict[str, Any]] = answer["data"]["result"]
    except (ServiceFailed, KeyError, TypeError) as error:
        told = error.message if isinstance(error, ServiceFailed) else "its answer has another shape"
        raise StorekeeperError(
            f"Prometheus at {url} does not tell the sizes of a month ago: {told}",
            hint="Check prometheus: in storekeeper.yml",
        ) from None
    return {_name(one["metric"]): round(float(one["value"][1])) for one in series}


def _name(labels: Mapping[str, str]) -> str:
    return f"database {labels['database']}" if "database" in labels else labels.get("area", "")
