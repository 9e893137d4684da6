"""
What can go wrong, as one tree.

    StorekeeperError
    ├── ConfigurationError      the config file cannot be used as it is       exit code 2
    │   └── EngineNotKept       a database is of an engine that no part of us knows
    ├── AlreadyRunning          the resource is being worked on by another    exit code 75
    ├── ShopError               the shop's own Django did not answer
    ├── DatabaseUnavailable     a database cannot be reached now              temporary
    ├── ProcessFailed           a program that we started ended badly
    ├── UnsafePath              a path leads, or may lead, outside its root
    ├── NotEnoughSpace          the disk has no room for what would be written
    ├── OverBudget              a run would remove more than it may
    ├── ClockInDoubt            the clock may be wrong, so nobody knows what is old
    ├── BackupRefused           a backup is not whole, or would not be
    └── OffsiteFailed           a copy away from this machine was not made    temporary

Every message says what happened; ``hint`` says what to do. ``permanent`` tells a scheduler whether
trying the same thing again later can help.
"""


class StorekeeperError(Exception):
    """Something storekeeper will not or cannot do, told so that a person can act on it."""

    exit_code = 1
    permanent = True

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message


class ConfigurationError(StorekeeperError):
    """The config cannot be used; ``problems`` holds every one of them, each a line for a person."""

    exit_code = 2

    def __init__(self, message: str, *, problems: tuple[str, ...] = (), hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join([super().__str__(), *(f"  {problem}" for problem in self.problems)])


class EngineNotKept(ConfigurationError):
    """A database is of an engine that storekeeper does not know: it is neither measured nor backed up."""


class AlreadyRunning(StorekeeperError):
    """Somebody else holds the resource; the message names the holder."""

    exit_code = 75
    permanent = False


class ShopError(StorekeeperError):
    """The shop's interpreter, its settings or its Django failed; the message carries its own words."""


class DatabaseUnavailable(StorekeeperError):
    """The database cannot be reached or does not answer in time."""

    permanent = False


class ProcessFailed(StorekeeperError):
    """A program ended with an error or ran out of its time."""


class UnsafePath(StorekeeperError):
    """A path is absolute, climbs, or passes through a symbolic link; nothing was touched."""


class NotEnoughSpace(StorekeeperError):
    """There is no room for what would be written; nothing was written."""

    permanent = False


class OverBudget(StorekeeperError):
    """The plan removes more than the budget allows; nothing was removed."""


class ClockInDoubt(StorekeeperError):
    """The clock is far from what its witnesses say; nothing was removed by age."""


class BackupRefused(StorekeeperError):
    """A backup is damaged, incomplete or cannot be made; no file took its final name."""


class OffsiteFailed(StorekeeperError):
    """A place for copies of backups cannot be reached or does not keep them; the backups here are whole."""

    permanent = False
