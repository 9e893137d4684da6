"""Start Django the way the shop's own manage.py does."""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path


class ShopBroken(Exception):
    """The project is not a Django project that starts; ``hint`` says what to look at."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def start_django(project: str) -> None:
    """
    Run manage.py up to the point where it would run a command, then set Django up.

    Whatever manage.py does before that (settings module, environment files, ``sys.path``) is so done
    exactly as the shop does it. Raises ShopBroken.
    """
    try:
        import django
        from django.core import management
    except ImportError as error:
        raise ShopBroken(
            f"{sys.executable} has no Django: {error}",
            hint="Set python: in storekeeper.yml to the interpreter that runs the shop",
        ) from None
    manage = Path(project) / "manage.py"
    if manage.is_file():
        original = management.execute_from_command_line
        original_arguments = sys.argv
        management.execute_from_command_line = lambda argv=None: None
        # A command that exists everywhere and changes nothing, for a manage.py that looks at it.
        sys.argv = [str(manage), "check"]
        try:
            runpy.run_path(str(manage), run_name="__main__")
        except SystemExit as error:
            if error.code not in (None, 0):
                raise ShopBroken(f"{manage} ended with {error.code}") from None
        except Exception as error:  # noqa: BLE001 - any error of the shop's own code is reported as such
            raise ShopBroken(f"{manage} failed: {type(error).__name__}: {error}") from None
        finally:
            management.execute_from_command_line = original
            sys.argv = original_arguments
    if not os.environ.get("DJANGO_SETTINGS_MODULE"):
        raise ShopBroken(
            f"no settings module is known: {manage} names none",
            hint="Set settings: in storekeeper.yml, such as settings: myshop.settings",
        )
    try:
        django.setup()
    except Exception as error:  # noqa: BLE001 - any error of the shop's own code is reported as such
        settings = os.environ["DJANGO_SETTINGS_MODULE"]
        raise ShopBroken(
            f"the shop's settings ({settings}) fail: {type(error).__name__}: {error}",
            hint=f"It was run by {sys.executable}. If the shop has another Python, name it: storekeeper init"
            " --python, or python: in storekeeper.yml. manage.py check shows more",
        ) from None
