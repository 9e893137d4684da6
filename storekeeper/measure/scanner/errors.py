"""
Why a scan gave no result.

    StorekeeperError
    └── ScanError
        ├── AreaUnreadable    the root is missing, no directory, or closed to us
        └── ScanCancelled     the caller asked to stop; nothing is kept of the walk
"""

from storekeeper.errors import StorekeeperError


class ScanError(StorekeeperError):
    """A tree could not be measured; there is no result, not even a partial one."""

    permanent = False


class AreaUnreadable(ScanError):
    """The root of the tree cannot be opened as a directory."""


class ScanCancelled(ScanError):
    """The caller's event was set while the tree was walked."""
