"""A file is taken only as the one that was found; whatever else stands there goes back and stays."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from storekeeper.files import taking
from storekeeper.files.found import FoundFile, found_file
from storekeeper.files.place import FOLDER_FLAGS, Place


@pytest.fixture
def places(tmp_path: Path) -> Iterator[tuple[Place, Place]]:
    """The folder of a file, and a folder that is ours alone."""
    opened = []
    for name in ("folder", "ours"):
        (tmp_path / name).mkdir()
        opened.append(Place(folder=tmp_path / name, descriptor=os.open(tmp_path / name, FOLDER_FLAGS)))
    yield opened[0], opened[1]
    for place in opened:
        place.close()


def found(folder: Place) -> FoundFile:
    """Write a file and look at it."""
    (folder.folder / "file").write_bytes(b"old")
    file = found_file("file", folder.status("file"))
    assert file is not None
    return file


def test_only_the_same_file_is_removed_in_place(places: tuple[Place, Place]) -> None:
    """Gone and removed are success, a changed file stays and is told."""
    folder, _ = places
    file = found(folder)
    (folder.folder / "file").write_bytes(b"changed")
    assert not taking.remove_in_place(file, folder=folder, last="file")
    assert b"changed" == (folder.folder / "file").read_bytes()
    file = found(folder)
    assert taking.remove_in_place(file, folder=folder, last="file")
    assert taking.remove_in_place(file, folder=folder, last="file")
    assert [] == os.listdir(folder.folder)


def test_what_is_swapped_in_at_the_move_goes_back(
    places: tuple[Place, Place], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another file that gets the name between the look and the move is put back, a link as a link."""
    folder, ours = places
    rename = os.rename
    for kind in ("file", "link", "folder"):
        file = found(folder)
        other = folder.folder / "other"
        if kind == "file":
            other.write_bytes(b"new")
        elif kind == "link":
            other.symlink_to("target")
        else:
            other.mkdir()

        def swap(source: str, target: str, **descriptors: int) -> None:
            monkeypatch.setattr(os, "rename", rename)
            (folder.folder / "file").unlink()
            (folder.folder / "other").rename(folder.folder / "file")
            rename(source, target, **descriptors)

        monkeypatch.setattr(os, "rename", swap)
        assert not taking.take(file, folder=folder, last="file", into=ours, as_name="aside")
        back = folder.folder / "file"
        assert {"file": back.is_file(), "link": back.is_symlink(), "folder": back.is_dir()}[kind]
        assert ([], ["file"]) == (os.listdir(ours.folder), os.listdir(folder.folder))
        back.rmdir() if kind == "folder" else back.unlink()


def test_what_comes_back_takes_no_name_that_is_taken(places: tuple[Place, Place]) -> None:
    """Put back under a free name it is told as moved; under a taken one both files stay where they are."""
    folder, ours = places
    (ours.folder / "aside").write_bytes(b"old")
    (folder.folder / "file").write_bytes(b"new")
    assert not taking.put_back("aside", folder=ours, into=folder, as_name="file")
    assert (b"old", b"new") == ((ours.folder / "aside").read_bytes(), (folder.folder / "file").read_bytes())
    assert taking.put_back("aside", folder=ours, into=folder, as_name="free")
    assert ([], {"file", "free"}) == (os.listdir(ours.folder), set(os.listdir(folder.folder)))
    (ours.folder / "folder").mkdir()
    assert taking.put_back("folder", folder=ours, into=folder, as_name="folder")
    assert (folder.folder / "folder").is_dir()
