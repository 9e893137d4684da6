"""A tree finds, reads, walks and removes plain files below its root, and nothing else."""

import os
import resource
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storekeeper.errors import UnsafePath
from storekeeper.files import Tree
from storekeeper.files.reasons import ANOTHER_FILESYSTEM
from storekeeper.files.tree import TRASH


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root beside a file that no test may touch."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_text("untouched")
    (tmp_path / "root").mkdir()
    return tmp_path / "root"


def names(root: Path) -> set[str]:
    """Give everything below the root that is no folder."""
    return {
        os.path.relpath(os.path.join(folder, name), root)
        for folder, _, found in os.walk(root)
        for name in found
    }


def test_walks_every_plain_file_and_follows_no_link(root: Path) -> None:
    """Links to files and folders, and our own folders, are no part of a walk."""
    (root / "a" / "ខ្មែរ").mkdir(parents=True)
    (root / "a" / "ខ្មែរ" / "x").write_text("1")
    (root / "top").write_text("1")
    os.mkfifo(root / "pipe")
    (root / "link").symlink_to(root.parent / "outside")
    (root / "a" / "file").symlink_to(root.parent / "outside" / "secret")
    (root / ".storekeeper-quarantine").mkdir()
    (root / ".storekeeper-quarantine" / "y").write_text("1")
    with Tree(root) as tree:
        assert {file.name for file in tree.walk()} == {"a/ខ្មែរ/x", "top"}
        assert {file.name for file in tree.walk("a")} == {"a/ខ្មែរ/x"}
        assert {file.name for file in tree.walk(without={"a"})} == {"top"}
        assert list(tree.walk("link")) == list(tree.walk("nowhere")) == []


def test_walk_stays_on_the_filesystem_of_its_root(root: Path) -> None:
    """A disk that is mounted below the root is named and not entered: its files are not ours to judge."""
    (root / "mine").write_text("1")
    (root / "disk").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", root / "disk"], check=True)
    try:
        (root / "disk" / "folder").mkdir()
        (root / "disk" / "folder" / "theirs").write_text("1")
        told: list[tuple[str, str]] = []
        with Tree(root) as tree:
            walked = [file.name for file in tree.walk(passed_over=lambda *what: told.append(what))]
        assert (["mine"], [("disk", ANOTHER_FILESYSTEM)]) == (walked, told)
    finally:
        subprocess.run(["umount", root / "disk"], check=True)


def test_walks_a_tree_deeper_than_the_limits(root: Path) -> None:
    """Three thousand folders one in the other need neither recursion nor a descriptor each."""
    here = os.open(root, os.O_RDONLY)
    for _ in range(3000):
        os.mkdir("folder", dir_fd=here)
        deeper = os.open("folder", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = deeper
    os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.close(here)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (100, limits[1]))
    try:
        with Tree(root) as tree:
            (found,) = tree.walk()
            assert found.name.count("/") == 3000
            assert tree.remove(found)
            assert list(tree.walk()) == []
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        # Python's own rmtree, with which pytest cleans up, does not get so deep.
        subprocess.run(["rm", "-rf", root / "folder"], check=True)


@pytest.mark.parametrize(
    "name", ["../outside/secret", "/etc/passwd", "a/../../outside/secret", "", ".", "a//b", "x\0y"]
)
def test_refuses_names_that_do_not_stay_below(root: Path, name: str) -> None:
    """A name that climbs, starts at the top or is no name opens nothing and finds nothing."""
    with Tree(root) as tree:
        assert tree.find(name) is None
        with pytest.raises(UnsafePath):
            tree.look(name)
        with pytest.raises(UnsafePath):
            tree.open(name)


def test_walk_goes_on_after_a_folder_that_vanished(root: Path) -> None:
    """Folders that have gone before their turn are named, each of them, and the walk comes to its end."""
    for name in "abcd":
        (root / name).mkdir()
        (root / name / "file").write_text("1")
    entered: list[str] = []
    passed: list[str] = []

    def take_the_others_away(name: str, status: os.stat_result) -> None:
        entered.append(name)
        if len(entered) == 2:
            for other in set("abcd") - {name}:
                (root / other).rename(root.parent / other)

    with Tree(root) as tree:
        found = tree.walk(entered=take_the_others_away, passed_over=lambda name, _: passed.append(name))
        walked = [file.name for file in found]
    assert [f"{entered[1]}/file"] == walked
    assert {*"abcd"} - {entered[1]} == set(passed)


def test_nothing_that_comes_back_replaces_what_is_there(root: Path) -> None:
    """A file or a folder that is brought back takes a free name alone; both stay where they are else."""
    aside = root.parent / "aside"
    (aside / "folder").mkdir(parents=True)
    for name in ("free", "taken"):
        (aside / name).write_text("old")
    (root / "taken").write_text("new")
    (root / "folder").mkdir()
    (root / "folder" / "file").write_text("new")
    with Tree(root) as tree, Tree(aside) as other:
        brought = {name: other.bring_back(name, to=tree) for name in ("free", "taken", "folder")}
    assert {"free": True, "taken": False, "folder": False} == brought
    assert {"taken", "folder"} == set(os.listdir(aside))
    assert ["old", "new", "new"] == [(root / name).read_text() for name in ("free", "taken", "folder/file")]


def test_only_empty_folders_go(root: Path) -> None:
    """Of a folder and those in it, each that holds no file goes; links are not followed and stay."""
    for name in ("run/empty/deeper", "run/full", "run/linked", "beside"):
        (root / name).mkdir(parents=True)
    (root / "run" / "full" / "file").write_text("1")
    (root / "run" / "linked" / "link").symlink_to(root / "beside")
    with Tree(root) as tree:
        tree.remove_empty_folders("run")
        assert {"full", "linked"} == set(os.listdir(root / "run"))
        (root / "run" / "full" / "file").unlink()
        (root / "run" / "linked" / "link").unlink()
        tree.remove_empty_folders("run")
    assert ["beside"] == os.listdir(root)


def test_opens_plain_files_alone(root: Path) -> None:
    """A regular file is read; a link, a pipe, a folder and nothing at all are told apart without waiting."""
    (root / "a").mkdir()
    (root / "a" / "file").write_bytes(b"inside")
    (root / "link").symlink_to(root / "a" / "file")
    (root / "folder").symlink_to(root / "a")
    os.mkfifo(root / "pipe")
    with Tree(root) as tree:
        with tree.open("a/file") as stream:
            assert b"inside" == stream.read()
        for name in ("link", "folder/file", "pipe", "a"):
            with pytest.raises(UnsafePath, match=r"symbolic link|not a regular file|plain folder"):
                tree.open(name)
        with pytest.raises(FileNotFoundError):
            tree.open("a/nothing")


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.sampled_from("a./\\\0~ ខ\udcff"), max_size=12))
def test_no_name_leads_outside(root: Path, name: str) -> None:
    """Whatever the name, what is found lies below the root and is the file that was put there."""
    (root / "a").mkdir(exist_ok=True)
    (root / "a" / "a").write_text("inside")
    (root.parent / "a").write_text("outside")
    with Tree(root) as tree:
        found = tree.find(name)
        assert (found is None) or tree.open(name).read() == b"inside"


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary(min_size=1, max_size=30).filter(lambda raw: not {0, 47} & set(raw) and raw not in (b".", b".."))
)
def test_files_of_any_name_are_found_and_removed(root: Path, raw: bytes) -> None:
    """Names are bytes: those that are no UTF-8 too are walked, found and removed."""
    path = os.path.join(os.fsencode(root), raw)
    with open(path, "wb") as stream:
        stream.write(b"1")
    with Tree(root) as tree:
        found = tree.find(os.fsdecode(raw))
        if not raw.startswith(b".storekeeper-"):
            assert os.fsdecode(raw) in {file.name for file in tree.walk()}
        assert found is not None
        assert tree.remove(found)
    assert names(root) == set()


def test_removes_only_the_file_that_was_found(root: Path) -> None:
    """A changed file, another file of that name, a link and a folder stay; a missing file is success."""
    for name in ("same", "changed", "replaced", "linked", "folder", "gone"):
        (root / name).write_text("old")
    with Tree(root) as tree:
        found = {file.name: file for file in tree.walk()}
        (root / "changed").write_text("newer")
        (root / "other").write_text("old")
        (root / "other").replace(root / "replaced")
        for name in ("linked", "folder", "gone"):
            (root / name).unlink()
        (root / "linked").symlink_to(root.parent / "outside" / "secret")
        (root / "folder").mkdir()
        removed = {file.name: gone for file, gone in tree.remove_all(found.values())}
    assert removed == {
        "same": True,
        "gone": True,
        "changed": False,
        "replaced": False,
        "linked": False,
        "folder": False,
    }
    assert sorted(os.listdir(root)) == ["changed", "folder", "linked", "replaced"]


def test_each_file_goes_from_its_own_folder(root: Path) -> None:
    """Of files in several folders each goes, past a folder that has gone and one that has become a link."""
    for name in ("a", "b", "c", "d"):
        (root / name).mkdir()
        (root / name / "x").write_text(name)
        (root / name / "y").write_text(name)
    with Tree(root) as tree:
        found = sorted(tree.walk(), key=lambda file: file.name)
        (root / "b").rename(root.parent / "b")
        (root / "c").rename(root.parent / "c")
        (root / "c").symlink_to(root.parent / "c")
        removed = {file.name: gone for file, gone in tree.remove_all(found)}
    assert {name: {"a": True, "b": True, "c": None, "d": True}[name[0]] for name in removed} == removed
    assert 8 == len(removed)
    assert [[], ["x", "y"], []] == [sorted(os.listdir(root / name)) for name in ("a", "c", "d")]


def test_a_folder_swapped_for_a_link_is_not_entered(root: Path) -> None:
    """When the folder of a planned file has become a link, nothing behind it is removed."""
    (root / "a").mkdir()
    (root / "a" / "secret").write_text("untouched")
    with Tree(root) as tree:
        (found,) = tree.walk()
        (root / "a").rename(root / "b")
        (root / "a").symlink_to(root.parent / "outside")
        with pytest.raises(UnsafePath):
            tree.remove(found)
        assert list(tree.remove_all([found])) == [(found, None)]
    assert (root.parent / "outside" / "secret").exists()
    assert (root / "b" / "secret").exists()


def taken(root: Path, name: str) -> Path:
    """Move a file where a run that is killed right after the move leaves it."""
    status = (root / name).stat()
    (root / TRASH).mkdir(exist_ok=True)
    return (root / name).rename(
        root / TRASH / f"{status.st_ino:x}-{status.st_mtime_ns:x}-{status.st_size:x}-t-0"
    )


def test_what_a_killed_run_had_taken_is_removed_by_the_next(root: Path) -> None:
    """An entry of the trash that is still the file that was meant goes; anything else stays."""
    for name in "xyz":
        (root / name).write_text(name)
    taken(root, "x")
    (root / "y").rename(root / TRASH / "1-2-3-t-1")
    with Tree(root) as tree:
        (found,) = tree.walk()
        assert tree.remove(found)
    assert names(root) == {f"{TRASH}/1-2-3-t-1"}


def test_what_a_killed_run_had_taken_is_removed_where_nothing_else_is(root: Path) -> None:
    """When the last file was taken, nothing but the trash is left; it goes too, and is made for nothing."""
    (root / "x").write_text("1")
    taken(root, "x")
    for _ in range(2):
        with Tree(root) as tree:
            tree.finish_removals()
            assert bool(os.listdir(root)) == (tree._trash is not None)
        assert [] == os.listdir(root)


def test_two_removals_in_one_root_do_not_disturb_each_other(root: Path) -> None:
    """Each makes the private folder and removes it while the other works; neither fails, all files go."""

    def remove(prefix: str) -> None:
        for number in range(300):
            (root / f"{prefix}{number}").write_text("1")
            with Tree(root) as tree:
                found = tree.find(f"{prefix}{number}")
                assert found is not None
                assert tree.remove(found)
                tree.finish_removals()

    with ThreadPoolExecutor() as pool:
        list(pool.map(remove, "abcd"))
    assert set() == names(root)


def test_removes_where_another_user_has_left_a_private_folder(root: Path) -> None:
    """What a killed run of root left closed holds up no removal by the receiver's own user."""
    (root / "x").write_text("1")
    (root / TRASH).mkdir()
    (root / TRASH).chmod(0)
    # Root may enter everything; whoever else runs the tests may not enter this.
    nobody = 65534 if os.geteuid() == 0 else os.geteuid()
    for path in (root, root / "x"):
        os.chown(path, nobody, -1)
    before = os.geteuid()
    with Tree(root) as tree:
        found = tree.find("x")
        assert found is not None
        os.seteuid(nobody)
        try:
            assert tree.remove(found)
            tree.finish_removals()
        finally:
            os.seteuid(before)
    assert [TRASH] == os.listdir(root)


def test_removes_where_the_root_takes_no_folder_of_ours(root: Path) -> None:
    """A file in the way of our folder, as on a full disk, changes nothing about what is removed."""
    (root / "a").mkdir()
    (root / "a" / "x").write_text("1")
    with Tree(root) as tree:
        (found,) = tree.walk()
        tree._open_trash = lambda: None  # type: ignore[method-assign]
        assert tree.remove(found)
    assert names(root) == set()
