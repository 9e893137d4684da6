"""What a recovery cannot bring back, because no backup holds it: secrets, collected files, services."""

from collections.abc import Iterator
from pathlib import Path

from storekeeper.config import Config
from storekeeper.config.shared_text import hides_something


def still_missing(config: Config) -> list[str]:
    """Return what an operator has to bring, each a sentence."""
    told = [f"missing: {path} ({key})" for key, path in _named_files(config) if not path.exists()]
    static = config.areas.get("static")
    if static is not None and (not static.path.is_dir() or not any(static.path.iterdir())):
        told.append("run manage.py collectstatic: collected files are in no backup")
    if hides_something(config.text):
        told.append("write the passwords into storekeeper.yml, where it says ***")
    return told


def _named_files(config: Config) -> Iterator[tuple[str, Path]]:
    for name, source in config.databases.items():
        if source.url_file is not None:
            yield f"databases.{name}.url_file", source.url_file
    if config.receiver.token_file is not None:
        yield "receiver.token_file", config.receiver.token_file
    for name in ("prometheus", "alertmanager", "grafana"):
        service = getattr(config, name)
        for key in ("token_file", "password_file", "ca_file", "certificate_file", "key_file"):
            path = getattr(service, key, None)
            if path is not None:
                yield f"{name}.{key}", path
