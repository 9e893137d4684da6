"""The sample shop and its story: expired QR images fill the media folder, and the loop answers."""

import shutil
import sys
from pathlib import Path

from storekeeper import processes
from storekeeper.errors import ProcessFailed, ShopError
from storekeeper.measure.scanner import ScanRequest, scan
from storekeeper.resources import resource
from storekeeper.shop import Shop
from storekeeper.shop.draft import LIMITS, Draft

ORDERS = 200
# The shop fills this share of its media limit at the start, and that share after the story began.
SHARE_BEFORE = 0.4
SHARE_AFTER = 0.83
_SECONDS = 600.0
# What a shop that was run in place has written beside its code.
_LEFTOVERS = ("media", "logs", "backups", "staticfiles", "db.sqlite3*", ".secret_key", "__pycache__")


class DemonstrationShop:
    """A copy of the sample shop in ``folder``, a real Django project with data, on SQLite."""

    def __init__(self, folder: Path) -> None:
        self.project = folder / "shop"
        self._media = self.project / "media"

    def build(self) -> None:
        """Copy, migrate and fill the shop anew; raises ShopError when Django or Pillow are missing."""
        if self.project.exists():
            shutil.rmtree(self.project)
        leftovers = shutil.ignore_patterns(*_LEFTOVERS)
        shutil.copytree(resource("examples/shop"), self.project, ignore=leftovers)
        self.manage("migrate", "--verbosity=0")
        self.manage("fill_shop", f"--orders={ORDERS}")
        self.manage("collectstatic", "--noinput", "--verbosity=0")

    def write_config(self, path: Path, *, state: Path, token_file: Path) -> int:
        """Write the shop's config with a media limit that can be filled soon; give that limit in bytes."""
        limit = round(_size(self._media) / SHARE_BEFORE)
        draft = Draft(
            Shop(self.project).describe(),
            project=self.project,
            python=Path(sys.executable),
            folder=path.parent,
            measure=lambda path: 0,
            limits={**LIMITS, "media": limit},
        )
        quick = (
            f"state: {state}",
            "exporter: {interval: 2s}        # a shop in use is well served by the default, 60s",
            f"receiver: {{token_file: {token_file}}}",
        )
        path.write_text(draft.text() + "\n" + "\n".join(quick) + "\n", "utf-8")
        return limit

    def add_expired_codes(self, limit: int) -> str:
        """Add orders whose QR codes expired ten days ago until media is well over 80 % of ``limit``."""
        missing = round(limit * SHARE_AFTER) - _size(self._media)
        return self.manage("add_expired_qr_codes", f"--bytes={missing}", "--days-ago=10").strip()

    def manage(self, *words: str) -> str:
        """Run the shop's manage.py and give what it printed."""
        command = [sys.executable, str(self.project / "manage.py"), *words]
        try:
            return processes.run(command, timeout_seconds=_SECONDS, directory=self.project).decode()
        except ProcessFailed as error:
            raise ShopError(
                f"the sample shop's {words[0]} failed: {error.message}",
                hint="It needs Django and Pillow: pip install 'storekeeper[demo]'",
            ) from None


def _size(folder: Path) -> int:
    """Return the bytes of the files below a folder, as they are measured."""
    return scan(ScanRequest(root=folder)).size_bytes
