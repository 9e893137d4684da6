"""
Take a file away so that nobody can swap it between the look and the removal.

A look (``stat``) followed by a removal (``unlink``) leaves a moment in which another file can get the name
and be lost. So the entry is first renamed into a folder that is ours alone, where nobody swaps it, and
looked at there. The file that was meant is removed; anything else goes back under its name, without
replacing what may have come there meanwhile (then it stays in our folder, which nothing empties of it).

The cost is one rename for each file. Where a full disk or foreign rights leave no room for a folder of our
own, the look is the last step before the removal.
"""

import errno
import itertools
import os
import secrets
import stat
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from storekeeper.files.found import FoundFile
from storekeeper.files.place import Place

# Names in the trash are never used twice, also not by two processes.
_TOKEN: Final = secrets.token_hex(8)
_numbers: Iterator[int] = itertools.count()

# Why an entry cannot be renamed into our folder although it may be removed: a bind mount, a full disk.
_NO_RENAME: Final = (errno.EXDEV, errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM)
_NO_LINKS: Final = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS)


def remove_by_way_of(trash: Place, file: FoundFile, *, folder: Place, last: str) -> bool:
    """Remove the file if it is still the one that was found; True when it is gone."""
    # The name in the trash tells what was meant, for who comes after a crash.
    aside = f"{file.inode:x}-{file.modified_ns:x}-{file.size_bytes:x}-{_TOKEN}-{next(_numbers):x}"
    try:
        if not take(file, folder=folder, last=last, into=trash, as_name=aside):
            return False
    except FileNotFoundError:
        # The file has gone, or our folder has: the look in place tells.
        return remove_in_place(file, folder=folder, last=last)
    except OSError as error:
        if error.errno not in _NO_RENAME:
            raise
        return remove_in_place(file, folder=folder, last=last)
    with suppress(FileNotFoundError):
        os.unlink(trash.path(aside), dir_fd=trash.descriptor)
    return True


def remove_in_place(file: FoundFile, *, folder: Place, last: str) -> bool:
    """Remove the file after a look at it where it stands; True when it is gone."""
    try:
        if not file.is_still(folder.status(last)):
            return False
        os.unlink(folder.path(last), dir_fd=folder.descriptor)
    except FileNotFoundError:
        pass
    return True


def take(file: FoundFile, *, folder: Place, last: str, into: Place, as_name: str) -> bool:
    """
    Rename the file into a folder that is ours alone; False when it is no longer the one that was found.

    ``as_name`` must be free there. Raises FileNotFoundError and every other OSError of the rename.
    """
    if not file.is_still(folder.status(last)):
        return False
    os.rename(folder.path(last), into.path(as_name), src_dir_fd=folder.descriptor, dst_dir_fd=into.descriptor)
    if file.is_still(into.status(as_name)):
        return True
    put_back(as_name, folder=into, into=folder, as_name=last)
    return False


def put_back(name: str, *, folder: Place, into: Place, as_name: str) -> bool:
    """Move an entry out of a folder that is ours alone; False, and nothing moved, where the name is taken."""
    status = folder.status(name)
    source, target = folder.path(name), into.path(as_name)
    descriptors = {"src_dir_fd": folder.descriptor, "dst_dir_fd": into.descriptor}
    try:
        # A rename would replace a file, a link does not. Folders have no links, but replace no full one.
        if stat.S_ISDIR(status.st_mode) or sys.platform == "win32":
            os.rename(source, target, **descriptors)  # noqa: PTH104 - by descriptor
            return True
        try:
            os.link(source, target, **descriptors, follow_symlinks=False)
        except (OSError, NotImplementedError) as error:
            if isinstance(error, OSError) and error.errno not in _NO_LINKS:
                raise
            with suppress(FileNotFoundError):
                into.status(as_name)
                return False
            os.rename(source, target, **descriptors)  # noqa: PTH104 - by descriptor
            return True
    except OSError as error:
        if error.errno in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
            return False
        raise
    os.unlink(source, dir_fd=folder.descriptor)
    return True


def empty_trash(trash: Place) -> None:
    """Remove what a killed run had taken and known again, or would have; leave everything else."""
    for name in list(trash.entries()):
        meant = name.split("-")[:3]
        with suppress(OSError):
            status = trash.status(name)
            found = [f"{status.st_ino:x}", f"{status.st_mtime_ns:x}", f"{status.st_size:x}"]
            if stat.S_ISREG(status.st_mode) and found == meant:
                os.unlink(trash.path(name), dir_fd=trash.descriptor)
