"""The shop's own interpreter: asked, heard, and survived when it misbehaves."""

import sys
import venv
from pathlib import Path

import pytest

from storekeeper.errors import ShopError, StorekeeperError
from storekeeper.shop import Shop


def project(folder: Path, *, settings: str = "", manage: str = "") -> Path:
    """Write the smallest Django project, with these lines added to its two files."""
    (folder / "site_settings.py").write_text(
        "from pathlib import Path\n"
        "BASE_DIR = Path(__file__).parent\n"
        "SECRET_KEY = 'only for this test'\n"
        "INSTALLED_APPS = ['django.contrib.contenttypes', 'django.contrib.auth']\n"
        "DATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': BASE_DIR / 'db.sqlite3'}}\n"
        "MEDIA_ROOT = BASE_DIR / 'media'\n" + settings
    )
    (folder / "manage.py").write_text(
        "import os, sys\n"
        "def main():\n"
        f"    {manage or 'pass'}\n"
        "    os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'site_settings')\n"
        "    from django.core.management import execute_from_command_line\n"
        "    execute_from_command_line(sys.argv)\n"
        "if __name__ == '__main__':\n"
        "    main()\n"
    )
    return folder


def test_project_describes_itself(tmp_path: Path) -> None:
    """Folders, databases and models come from the settings that manage.py names."""
    description = Shop(project(tmp_path)).describe()
    assert tmp_path / "media" == description.media_root
    assert ["default"] == list(description.databases)
    assert description.model("AUTH.user") is not None
    assert "site_settings" == description.settings_module


def test_manage_py_is_followed(tmp_path: Path) -> None:
    """What manage.py does before its command, here the import path and an environment file, counts."""
    (tmp_path / "inner").mkdir()
    manage = "sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'inner'))"
    project(tmp_path, manage=manage)
    (tmp_path / "site_settings.py").rename(tmp_path / "inner" / "site_settings.py")
    assert tmp_path / "inner" / "media" == Shop(tmp_path).describe().media_root


def test_prints_do_not_disturb(tmp_path: Path) -> None:
    """A shop that prints to both streams, in Khmer and at length, is heard all the same."""
    noise = "import sys\nprint('ហាង' * 100_000)\nprint('ហាង' * 100_000, file=sys.stderr)\nsys.stdin.read()\n"
    assert Shop(project(tmp_path, settings=noise)).describe().models


def test_modules_of_the_shop_hide_none_of_ours(tmp_path: Path) -> None:
    """A shop may have modules named as ours are."""
    for name in ("answers", "describe", "frames", "rows", "storekeeper"):
        (tmp_path / f"{name}.py").write_text("raise ImportError('not yours')\n")
    assert Shop(project(tmp_path)).describe().models


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ("raise RuntimeError('the moon is full')\n", "the moon is full"),
        ("import no_such_module\n", "no_such_module"),
        ("import os; os._exit(7)\n", "code 7"),
        ("INSTALLED_APPS = ['no_such_app']\n", "no_such_app"),
    ],
)
def test_broken_shop_is_told_in_its_own_words(settings: str, word: str, tmp_path: Path) -> None:
    """A shop that does not start is a ShopError that says why."""
    with pytest.raises(ShopError, match=word):
        Shop(project(tmp_path, settings=settings)).describe()


def test_folder_without_a_project_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder without manage.py has no settings, and the hint says where to name them."""
    monkeypatch.delenv("DJANGO_SETTINGS_MODULE", raising=False)
    with pytest.raises(ShopError, match="settings:"):
        Shop(tmp_path).describe()


def test_interpreter_without_django_is_told(tmp_path: Path) -> None:
    """An interpreter that is not the shop's is named, with the key to set."""
    venv.create(tmp_path / "bare", with_pip=False)
    python = tmp_path / "bare" / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    with pytest.raises(ShopError, match="python:"):
        Shop(project(tmp_path), python=python).describe()


def test_question_after_an_error_is_answered(tmp_path: Path) -> None:
    """An error ends one question, not the conversation."""
    with Shop(project(tmp_path)).talk() as conversation:
        with pytest.raises(ShopError):
            conversation.ask("no such question")
        assert conversation.ask("describe")["settings_module"] == "site_settings"


def test_passwords_are_in_no_representation(tmp_path: Path) -> None:
    """What is shown of a description holds no password."""
    settings = "DATABASES['default']['PASSWORD'] = 'hush'\n"
    assert "hush" not in repr(Shop(project(tmp_path, settings=settings)).describe())


def test_interpreter_stays_for_the_next_question(tmp_path: Path) -> None:
    """Within staying one start of Django serves as many questions as ask for it; it ends with the block."""
    count = "with open(BASE_DIR / 'starts', 'a') as stream:\n    stream.write('.')\n"
    shop = Shop(project(tmp_path, settings=count))
    with shop.staying():
        shop.describe(stay=True)
        assert shop.ask("describe", stay=True) == shop.ask("describe", stay=True)
        with shop.talk() as conversation:
            conversation.ask("describe")
    assert (tmp_path / "starts").read_text() == "."
    shop.ask("describe", stay=True)
    shop.ask("describe")
    assert (tmp_path / "starts").read_text() == "..."


def test_interpreter_that_failed_does_not_stay(tmp_path: Path) -> None:
    """After a question that ended in an error the next one gets an answer all the same."""
    shop = Shop(project(tmp_path))
    with shop.staying():
        with pytest.raises(StorekeeperError):
            shop.ask("database_size", stay=True, database="no such one")
        assert shop.describe(stay=True).models
