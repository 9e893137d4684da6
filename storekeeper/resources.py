"""Find what storekeeper ships beside its code: rules, dashboards, deploy files, the sample shop."""

from pathlib import Path

from storekeeper.errors import StorekeeperError

_PACKAGE = Path(__file__).resolve().parent


def resource(name: str) -> Path:
    """
    Give the path of a shipped file or folder, such as ``deploy/prometheus/prometheus.yml``.

    An installed storekeeper has them in its own package, a checkout beside it.
    """
    for base in (_PACKAGE / "shipped", _PACKAGE.parent):
        path = base / name
        if path.exists():
            return path
    raise StorekeeperError(f"{name} is missing from this installation", hint="Install storekeeper again")
