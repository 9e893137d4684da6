"""Where a file field's files lie, told from a folder: what lies outside must never look as if inside."""

from pathlib import Path

import pytest

from storekeeper.shopside.storages import folder_of, prefix_below


class Storage:
    """All that is asked of a storage: the path of a name."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def path(self, name: str) -> str:
        """Give the path, as Django's storages do; those without local files have none."""
        if self._folder is None:
            raise NotImplementedError
        return f"{self._folder}/{name}"


class Field:
    """A file field."""

    def __init__(self, folder: Path | None) -> None:
        self.storage = Storage(folder)


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("media", ""),
        ("media/private", "private/"),
        ("media/private/deep", "private/deep/"),
        # Not the folder above: names may begin with two dots.
        ("media/..old", "..old/"),
        ("", None),
        ("media-2", None),
        ("other/media", None),
        (None, None),
    ],
)
def test_prefix_tells_where_a_storage_lies_below_the_root(
    tmp_path: Path, folder: str | None, expected: str | None
) -> None:
    """The root itself adds nothing, a folder below adds its name; all else lies elsewhere."""
    field = Field(None if folder is None else tmp_path / folder)
    assert expected == prefix_below(str(tmp_path / "media"), field)


def test_links_are_the_folders_that_they_stand_for(tmp_path: Path) -> None:
    """A root or a storage that is a link lies where the link leads, but keeps its own name."""
    (tmp_path / "disk" / "private").mkdir(parents=True)
    (tmp_path / "media").symlink_to(tmp_path / "disk")
    field = Field(tmp_path / "media" / "private")
    assert "private/" == prefix_below(str(tmp_path / "disk"), field)
    assert str(tmp_path / "media" / "private") == folder_of(field)


def test_storage_without_local_files_has_no_folder() -> None:
    """An object store lies nowhere here."""
    assert folder_of(Field(None)) is None
