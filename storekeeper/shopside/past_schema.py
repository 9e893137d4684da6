"""The tables and models of a moment in the past, for a backup older than the shop's last migrations."""

from __future__ import annotations

import operator
from typing import Any, Callable, Sequence

from .fixture_load import field_orders
from .names import NATURAL_KEYS


class PastSchema:
    """
    The state that a set of applied migrations (``app.name``) describes, seen from the shop's code of today.

    ``newer`` are migrations that the code has and the set has not, ``unknown`` those of the set that the
    code no longer has. A squashed migration stands for all that it replaces.
    """

    def __init__(self, connection: Any, *, migrations: list[str]) -> None:
        """Read the migration files; ``connection`` leads to a database without tables."""
        from django.db.migrations.executor import MigrationExecutor

        self._connection = connection
        self._executor = MigrationExecutor(connection)
        nodes = set(self._executor.loader.graph.nodes)
        replacements = self._executor.loader.replacements
        recorded = {(app, name) for app, _, name in (one.partition(".") for one in migrations)}
        found = recorded & nodes
        for squashed, migration in replacements.items():
            if squashed in nodes and set(migration.replaces) <= recorded:
                found.add(squashed)
        replaced = {one for squashed in found & set(replacements) for one in replacements[squashed].replaces}
        self._found = found
        self.newer = _names(nodes - found)
        self.unknown = _names(recorded - found - replaced)

    def enter(self, fixture: str, *, tables: bool) -> None:
        """
        Let Django's models be those of that time for the rest of this interpreter; make ``tables`` too.

        The fields are put in the order that they have in the fixture at that path: migrations keep another.
        """
        graph = self._executor.loader.graph
        targets = [
            one
            for one in sorted(self._found)
            if not any(
                child.key in self._found and child.key[0] == one[0] for child in graph.node_map[one].children
            )
        ]
        if tables:
            self._make_tables(targets)
        _become(self._executor.loader.project_state(targets).apps, orders=field_orders(fixture))

    def _make_tables(self, targets: Any) -> None:
        from django.core.management.commands.migrate import Command

        unmigrated = self._executor.loader.unmigrated_apps
        if unmigrated:
            command = Command()
            command.verbosity = 0
            command.sync_apps(self._connection, unmigrated)
        self._executor.migrate(targets)


def _names(keys: Any) -> list[str]:
    return sorted(f"{app}.{name}" for app, name in keys)


def _become(state: Any, *, orders: dict[str, dict[str, int]]) -> None:
    """Put the models of that time in the place of those of today."""
    from django.apps import apps

    for config in apps.get_app_configs():
        apps.all_models[config.label] = state.all_models.get(config.label, {})
        config.models = apps.all_models[config.label]
    for label, names in orders.items():
        meta = apps.get_model(label)._meta
        for fields in (meta.local_fields, meta.local_many_to_many):
            fields.sort(key=lambda field, names=names: names.get(field.name, -1))
        meta._expire_cache()
    apps.clear_cache()
    for label, columns in NATURAL_KEYS.items():
        if apps.is_installed(f"django.contrib.{label.partition('.')[0]}"):
            # Models of that time have no methods; by this one rows that are there already are found.
            apps.get_model(label).natural_key = _natural_key(columns)
    if apps.is_installed("django.contrib.auth"):
        manager = apps.get_model("auth", "Permission")._default_manager
        # The manager of today asks for the content type of today, which is another class.
        manager.__class__ = type("_ByName", (type(manager),), {"get_by_natural_key": _permission})


def _natural_key(columns: Sequence[str]) -> Callable[[Any], tuple[Any, ...]]:
    getters = [operator.attrgetter(column.replace("__", ".")) for column in columns]
    return lambda row: tuple(get(row) for get in getters)


def _permission(manager: Any, codename: str, app_label: str, model: str) -> Any:
    return manager.get(codename=codename, content_type__app_label=app_label, content_type__model=model)
