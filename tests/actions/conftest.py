"""What the tests of actions share: a shop with its config, and the plain way to run an action on it."""

import datetime as dt
import os
import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from actions.action import Action, Context, Outcome, Progress
from storekeeper.config import Config, load_config
from storekeeper.shop import Shop


@dataclass(kw_only=True)
class Keeper:
    """
    A shop made by ``make_shop`` with a config for it; ``now`` is the real time unless a test sets it.

    An operator at the terminal says yes to everything, unless ``attended`` is false.
    """

    shop: Any
    config: Config
    media: Path
    now: Callable[[], dt.datetime] = lambda: dt.datetime.now(tz=dt.UTC)
    reports: list[Progress] = field(default_factory=list)
    attended: bool = True
    attributes: dict[str, Any] = field(default_factory=dict)

    def context(self) -> Context:
        return Context(
            config=self.config,
            shop=Shop.of(self.config),
            now=self.now,
            report=self.reports.append,
            attributes=self.attributes,
            ask=(lambda question, plan: True) if self.attended else None,
        )

    def plan(self, action: Action[Any, Any], **options: Any) -> Any:
        return action.plan(self.context(), action.Options(**options))

    def run(self, action: Action[Any, Any], **options: Any) -> tuple[Any, Outcome]:
        """Plan and perform as the runner does, with one context; give both."""
        checked = action.Options(**options)
        context = self.context()
        with context.shop.staying():
            plan = action.plan(context, checked)
            return plan, action.perform(context, checked, plan)

    def files(self) -> set[str]:
        """Give the names of everything in the media folder that is no folder."""
        return {
            os.path.relpath(os.path.join(folder, name), self.media)
            for folder, _, names in os.walk(self.media)
            for name in names
        }

    def write(self, name: str, content: bytes = b"image", *, days: float = 0) -> Path:
        """Write a media file that was last changed so many days ago."""
        path = self.media / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        moment = dt.datetime.now().timestamp() - days * 86400
        os.utime(path, (moment, moment))
        return path


QR_CODES = """
  payment: {model: app.OrderQRCode, file: qr_code_image, expires: expires_at, pattern: "qr_codes/qr_*.png"}
  tracking: {pattern: "qr_codes/tracking_qr_*.png"}
"""


@pytest.fixture
def make_keeper(make_shop: Callable[..., Any], tmp_path: Path) -> Callable[..., Keeper]:
    """A factory: ``make_keeper("sqlite", orders=10, qr_codes=..., more="references: [...]")``."""

    def make(database: str = "sqlite", *, qr_codes: str = QR_CODES, more: str = "", **options: Any) -> Keeper:
        shop = make_shop(database, **options)
        return keep(shop, tmp_path / f"state_{shop.data.name}", qr_codes=qr_codes, more=more)

    return make


def keep(shop: Any, state: Path, *, qr_codes: str = QR_CODES, more: str = "") -> Keeper:
    """Give the keeper of a shop; its interpreter is a script that runs Python as this shop."""
    python = state / "python"
    state.mkdir(parents=True, exist_ok=True)
    settings = {name: value for name, value in shop.environment.items() if name.startswith("SHOP_")}
    exports = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in settings.items())
    python.write_text(f'#!/bin/sh\n{exports}exec {shlex.quote(sys.executable)} "$@"\n')
    python.chmod(0o755)
    media = shop.data / "media"
    text = f"""
shop: test
project: {shop.project}
python: {python}
state: {state}
databases: {{default: {{django: default}}}}
areas: {{media: {{path: {media}}}}}
backups: {{path: {state / "backups"}}}
qr_codes: {qr_codes}
{more}
"""
    (state / "storekeeper.yml").write_text(text)
    return Keeper(shop=shop, config=load_config(state / "storekeeper.yml", environment={}), media=media)
