"""A process that swaps files and folders while an action is at work, and a tree that must stay as it is."""

import hashlib
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

# Swaps the folder, or one of its files, for a link to the same name outside, and puts it back; or gives the
# folder another name for a moment. Between two swaps everything is as it was.
SWAP = """
import os, random, sys, time
from contextlib import suppress
folder, outside, stop, count, kinds = sys.argv[1:]
# Outside the area: there the folder's files would be files that no row names.
hidden = os.path.join(os.path.dirname(stop), "hidden")
random = random.Random(1)
print("ready", flush=True)
rounds = 0

def put_back():
    # Somebody may have made a folder of that name meanwhile: what is in it joins the others.
    while True:
        try:
            os.rename(hidden, folder)
            return
        except OSError:
            with suppress(OSError):
                for name in os.listdir(folder):
                    os.rename(os.path.join(folder, name), os.path.join(hidden, name))
                os.rmdir(folder)

def swap_folder():
    os.rename(folder, hidden)
    try:
        os.symlink(outside, folder)
        time.sleep(random.random() / 500)
    finally:
        if os.path.islink(folder):
            os.unlink(folder)
        put_back()

def rename_folder():
    os.rename(folder, hidden)
    time.sleep(random.random() / 500)
    put_back()

def swap_file():
    names = sorted(os.listdir(outside))
    path = os.path.join(folder, random.choice(names))
    aside = os.path.join(os.path.dirname(stop), "aside")
    os.rename(path, aside)
    try:
        os.symlink(os.path.join(outside, os.path.basename(path)), path)
        time.sleep(random.random() / 500)
        if os.path.islink(path):
            os.unlink(path)
    finally:
        # What was made under the name meanwhile is nobody's loss; what was taken away comes back.
        os.rename(aside, path)

ways = [globals()[kind] for kind in kinds.split(",")]
while not os.path.exists(stop):
    with suppress(FileNotFoundError, FileExistsError):
        random.choice(ways)()
        rounds += 1
    time.sleep(random.random() / 300)
open(count, "w").write(str(rounds))
"""

FOLDERS = ("swap_folder", "rename_folder")
FILES = ("swap_file",)
EVERYTHING = (*FOLDERS, *FILES)


@contextmanager
def attacker(code: str, *arguments: str | Path) -> Iterator[None]:
    """Run the code beside the test; the test tells it to stop."""
    process = subprocess.Popen([sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    try:
        yield
    finally:
        process.stdout.close()
        assert process.wait(timeout=60) == 0


def picture_of(folder: Path) -> dict[str, tuple[int, int, str]]:
    """Give name → mode, time of change and checksum (or target) of everything in a tree."""
    found = {}
    for parent, folders, names in os.walk(folder):
        for name in (*folders, *names):
            path = Path(parent, name)
            status = path.lstat()
            if stat.S_ISLNK(status.st_mode):
                content = os.fsencode(path.readlink())
            else:
                content = path.read_bytes() if stat.S_ISREG(status.st_mode) else b""
            # A folder's time tells of every name that came or went in it.
            found[str(path.relative_to(folder))] = (
                status.st_mode,
                status.st_mtime_ns,
                hashlib.sha256(content).hexdigest(),
            )
    return found


@dataclass
class Swaps:
    """How often something was swapped so far."""

    count: int = 0


class _Flicker:
    """
    Swaps a folder right before calls of this very process that go by its name, and back before a later one.

    Nothing is left to chance: the interpreter tells of each call before it makes it (``sys.addaudithook``).
    """

    def __init__(self) -> None:
        self._folder = self._outside = self._hidden = Path()
        self._calls: Collection[str] = ()
        self._wanted = self._lasts = lambda: True
        self._only_named = True
        self._thread = 0
        self.swaps = Swaps()
        self.active = self._away = False

    def begin(
        self,
        folder: Path,
        *,
        outside: Path,
        calls: Collection[str],
        wanted: Callable[[], bool],
        lasts: Callable[[], bool],
        only_named: bool,
    ) -> None:
        self._only_named = only_named
        self._folder, self._outside, self._calls = folder, outside, calls
        self._wanted, self._lasts = wanted, lasts
        self._hidden = folder.with_name(f"{folder.name}.hidden")
        self._thread = threading.get_ident()
        self.swaps = Swaps()
        self._away = False
        self.active = True

    def end(self) -> None:
        self.active = False
        self._put_back()

    def hear(self, event: str, arguments: tuple[object, ...]) -> None:
        if not self.active or event not in self._calls or threading.get_ident() != self._thread:
            return
        self.active = False
        try:
            if self._away:
                if not self._lasts():
                    self._put_back()
            elif (not self._only_named or self._names_folder(arguments)) and self._wanted():
                os.rename(self._folder, self._hidden)
                os.symlink(self._outside, self._folder)
                self._away = True
                self.swaps.count += 1
        finally:
            self.active = True

    def _names_folder(self, arguments: tuple[object, ...]) -> bool:
        """Tell whether a call goes by the folder's name: what goes by its descriptor does not mind a swap."""
        names = [os.fsdecode(one) for one in arguments if isinstance(one, str | bytes)]
        return any(one == self._folder.name or one.startswith(str(self._folder)) for one in names)

    def _put_back(self) -> None:
        if self._away:
            os.unlink(self._folder)
            os.rename(self._hidden, self._folder)
            self._away = False


_flickers: list[_Flicker] = []

CALLS = ("open", "os.rename", "os.remove", "os.link", "os.mkdir", "os.rmdir", "os.scandir", "os.listdir",
         "os.utime", "os.chmod", "os.chown", "os.truncate", "os.symlink")  # fmt: skip


@contextmanager
def swapping_at_calls(
    folder: Path,
    *,
    outside: Path,
    calls: Collection[str] = CALLS,
    wanted: Callable[[], bool] = lambda: True,
    lasts: Callable[[], bool] = lambda: False,
    only_named: bool = True,
) -> Iterator[Swaps]:
    """
    Put a link to ``outside`` in the folder's place where it is ``wanted``, as long as it ``lasts``.

    ``only_named`` passes over the calls that do not go by the folder's name.
    """
    if not _flickers:
        # A hook stays for the life of the interpreter.
        _flickers.append(_Flicker())
        sys.addaudithook(_flickers[0].hear)
    flicker = _flickers[0]
    flicker.begin(folder, outside=outside, calls=calls, wanted=wanted, lasts=lasts, only_named=only_named)
    try:
        yield flicker.swaps
    finally:
        flicker.end()


@dataclass
class Attack:
    """
    What an attack was: ``swaps`` tells how often something was swapped.

    ``folder`` is a descriptor of the attacked folder itself, wherever its name leads to.
    """

    outside: Path
    folder: int
    swaps: int = 0

    def write(self, name: str, content: bytes) -> None:
        """Write a file into the attacked folder; one that is a link just now is left alone."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
        with suppress(OSError), os.fdopen(os.open(name, flags, dir_fd=self.folder), "wb") as file:
            file.write(content)


@contextmanager
def swapping(
    folder: Path,
    *,
    work: Path,
    same_files: bool,
    kinds: tuple[str, ...] = EVERYTHING,
    prepare: Callable[[Path], None] = lambda _: None,
) -> Iterator[Attack]:
    """
    Attack ``folder`` during the block; fail where the tree outside, which the links lead to, is touched.

    Outside lie the files of the folder under the same names: copies, or with ``same_files`` the very files
    under a second name, so that nothing but the way to them tells that they are not ours. ``prepare`` may
    change what lies outside before the attack.
    """
    outside, private = work / "outside", work / "attack"
    outside.mkdir(parents=True)
    private.mkdir()
    for path in list(folder.iterdir()):
        if path.is_file():
            if same_files:
                os.link(path, outside / path.name)
            else:
                (outside / path.name).write_bytes(path.read_bytes())
                status = path.stat()
                os.utime(outside / path.name, ns=(status.st_atime_ns, status.st_mtime_ns))
    (outside / "deeper").mkdir()
    (outside / "deeper" / "sentinel").write_bytes(b"not yours")
    prepare(outside)
    before = picture_of(outside)
    attack = Attack(outside=outside, folder=os.open(folder, os.O_RDONLY | os.O_DIRECTORY))
    try:
        with attacker(SWAP, folder, outside, private / "stop", private / "count", ",".join(kinds)):
            try:
                yield attack
            finally:
                (private / "stop").touch()
    finally:
        os.close(attack.folder)
        attack.swaps = int((private / "count").read_text())
        assert before == picture_of(outside)
