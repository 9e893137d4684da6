"""Read the config file, and give either a whole valid config or all its problems at once."""

import os
import platform
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from storekeeper.config.fields import home_of
from storekeeper.config.media import local_path
from storekeeper.config.model import Config
from storekeeper.config.problems import describe_problems
from storekeeper.config.running_loop import with_running_loop
from storekeeper.config.yaml_reader import read_yaml
from storekeeper.errors import ConfigurationError

STATE_VARIABLE = "STOREKEEPER_STATE"

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def load_config(path: Path, *, environment: Mapping[str, str] = os.environ) -> Config:
    """
    Read and check the config at ``path``; raises ConfigurationError with every problem found.

    Where it names no Prometheus or no Alertmanager, those that ``storekeeper up`` runs for it count.
    """
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path} is not UTF-8 text (byte {error.start})") from None
    config = parse_config(text, name=str(path), folder=path.resolve().parent, environment=environment)
    return with_running_loop(config)


def parse_config(
    text: str, *, name: str, folder: Path, environment: Mapping[str, str] = os.environ
) -> Config:
    """Check the config in ``text``; a relative ``project`` counts from ``folder``."""
    document = read_yaml(text, name=name)
    if not isinstance(document, dict):
        raise ConfigurationError(f"{name}: a config is a mapping of keys", hint="storekeeper init writes one")
    unset: list[str] = []
    values = _expand(document, environment, key="", unset=unset)
    project = values.get("project", ".")
    if not isinstance(project, str):
        raise ConfigurationError(f"{name} has 1 problem:", problems=(f"project: {project!r}: write a path",))
    values["project"] = os.path.abspath(Path(folder, home_of(project)))  # noqa: PTH100
    values.setdefault("state", default_state(str(values.get("shop", "")), environment=environment))
    values.setdefault("host", platform.node() or "localhost")
    for section in ("backups",):
        # A default path, too, counts from the project.
        if values.get(section, {}) is not None and isinstance(values.setdefault(section, {}), dict):
            values[section].setdefault("path", section)
    problems = list(unset)
    try:
        config = Config.model_validate(values, context={"project": values["project"]})
    except ValidationError as error:
        problems += describe_problems(error, document=document, model=Config)
    else:
        problems += _contradictions(config)
        if not problems:
            return config.with_text(text)
    count = f"{len(problems)} problem{'s' if len(problems) > 1 else ''}"
    raise ConfigurationError(f"{name} has {count}:", problems=tuple(problems))


def default_state(shop: str, *, environment: Mapping[str, str]) -> str:
    """Give the folder of storekeeper's memory where the config names none."""
    if environment.get(STATE_VARIABLE):
        return environment[STATE_VARIABLE]
    base = environment.get("XDG_STATE_HOME") or environment.get("LOCALAPPDATA") or "~/.local/state"
    return str(Path(base).expanduser() / "storekeeper" / (shop or "shop"))


def _expand(value: Any, environment: Mapping[str, str], *, key: str, unset: list[str]) -> Any:
    """Replace each ``${NAME}`` in the texts; the names that are not set are added to ``unset``."""
    if isinstance(value, dict):
        return {
            name: _expand(item, environment, key=f"{key}.{name}" if key else str(name), unset=unset)
            for name, item in value.items()
        }
    if isinstance(value, list):
        return [_expand(item, environment, key=key, unset=unset) for item in value]
    if not isinstance(value, str):
        return value

    def replacement(match: re.Match[str]) -> str:
        if match[1] not in environment:
            unset.append(f"{key}: the environment has no variable {match[1]}")
        return environment.get(match[1], "")

    return _VARIABLE.sub(replacement, value)


def _contradictions(config: Config) -> list[str]:
    """Give the problems that lie between keys which are each right alone."""
    problems = []
    if not config.project.is_dir():
        problems.append(f"project: {config.project}: there is no such folder")
    home = Path.home()
    for name, area in config.areas.items():
        key = f"areas.{name}.path"
        if area.path in (Path(area.path.anchor), home) or area.path in config.project.parents:
            problems.append(f"{key}: {area.path}: too wide; name the folder of these files alone")
        elif area.path == config.project and name != "project":
            problems.append(
                f"{key}: {area.path}: this is the whole project; name the folder of these files alone"
            )
        if area.path in config.backups.path.parents:
            problems.append(f"backups.path: {config.backups.path}: inside areas.{name}; keep backups apart")
    problems += _of_repositories(config)
    for name, source in config.qr_codes.items():
        if source.area not in config.areas:
            problems.append(
                f"qr_codes.{name}.area: {source.area!r}: no such area; known: {', '.join(config.areas)}"
            )
    if config.receiver.notify.silence and config.alertmanager is None:
        problems.append("receiver.notify.silence: True: give alertmanager, where the silences are made")
    return problems


def _of_repositories(config: Config) -> Iterator[str]:
    """Yield the problems of restic's repositories: one that would hold itself, or the same one twice."""
    media = config.backups.media
    named = {"repository": (media.repository,) if media.repository else (), "copies": media.copies}
    seen: set[str] = set()
    for key, locations in named.items():
        for location in locations:
            path = local_path(location)
            shown = str(path) if path is not None else "the location"
            place = location if path is None else str(config.project / path)
            if place in seen:
                yield f"backups.media.{key}: {shown}: named twice; a copy lies in another place"
            seen.add(place)
            for name, area in config.areas.items():
                if path is not None and area.path in (Path(place), *Path(place).parents):
                    yield f"backups.media.{key}: {shown}: inside areas.{name}; keep backups apart"
