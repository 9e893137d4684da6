"""
The shop's Django without effects: rows of one database are written, and nothing else happens.

While rows are verified or restored no signal handler of the shop runs, nothing is logged (at
DEBUG Django logs each statement with its values), no callback waits for a commit, no mail leaves, no storage
is written, no file outside of Python's own temporary ones, no program starts, and no socket leads anywhere.
The database is reached all the same: its driver connects below Python's sockets, and a handler of
``connection_created`` that uses the connection runs, since it sets up what the tables need (functions,
collations, the search path).
"""

from __future__ import annotations

import contextlib
import dis
import logging
import sys
from collections.abc import Iterator
from typing import Any, Callable

from .no_writes import EffectRefused, allow_sockets, refuse_writes

_OWN = __name__.partition(".")[0]
_SENDERS = ("send", "send_robust", "asend", "asend_robust", "_live_receivers")
_for_good = contextlib.ExitStack()


@contextlib.contextmanager
def no_effects() -> Iterator[None]:
    """Let nothing but rows be written until the end of the block."""
    from django.db.backends.base.base import BaseDatabaseWrapper

    with silent_signals(), contextlib.ExitStack() as stack:
        _replace(stack, BaseDatabaseWrapper, "on_commit", _dropped)
        _replace(stack, BaseDatabaseWrapper, "connect", _with_sockets(BaseDatabaseWrapper.connect))
        _silence_mail(stack)
        _silence_storages(stack)
        with refuse_writes():
            yield


def silence_for_good() -> None:
    """Let nothing but rows be written for the rest of this interpreter's life."""
    _for_good.enter_context(no_effects())


@contextlib.contextmanager
def silent_signals() -> Iterator[None]:
    """
    Let no signal handler and no log of the shop hear of rows until the end of the block.

    For rows that are only read.
    """
    from django.dispatch import Signal

    live = Signal._live_receivers

    def live_receivers(self: Any, sender: Any) -> Any:
        found = live(self, sender)
        # Since Django 5.0 those that are coroutines come apart from the others.
        if isinstance(found, tuple):
            return tuple(_kept(receivers, signal=self) for receivers in found)
        return _kept(found, signal=self)

    with silent_logs(), contextlib.ExitStack() as stack:
        for signal in _subclasses(Signal):
            for name in set(_SENDERS).intersection(vars(signal)):
                _replace(stack, signal, name, getattr(Signal, name))
        _replace(stack, Signal, "_live_receivers", live_receivers)
        yield


@contextlib.contextmanager
def silent_logs() -> Iterator[None]:
    """Let no handler of the shop hear a record until the end of the block: rows stand in statements."""
    before = logging.root.manager.disable
    logging.disable(sys.maxsize)
    try:
        yield
    finally:
        logging.disable(before)


def _kept(receivers: Any, *, signal: Any) -> list[Any]:
    return [_alone(receiver) for receiver in receivers if _runs(receiver, signal=signal)]


def _alone(receiver: Any) -> Any:
    """Return the handler without the sockets that whoever opens a connection has."""

    def handler(**named: Any) -> Any:
        with allow_sockets(False):
            return receiver(**named)

    return handler


def _runs(receiver: Any, *, signal: Any) -> bool:
    """Return whether a handler runs: Django's and ours, and those that a connection or a field needs."""
    from django.db.backends.signals import connection_created
    from django.db.models import Field, signals

    if signal in (signals.pre_init, signals.post_init):
        # Django's own would open each picture, and fill in a width that the row does not have.
        return False
    root = (getattr(receiver, "__module__", None) or "").partition(".")[0]
    if root in ("django", _OWN):
        return True
    if signal is connection_created:
        return _uses_connection(receiver)
    return signal is signals.class_prepared and isinstance(getattr(receiver, "__self__", None), Field)


def _uses_connection(receiver: Any) -> bool:
    """Return whether the handler looks at the connection that it is given; True where no one can tell."""
    while hasattr(receiver, "func"):
        receiver = receiver.func
    function = getattr(receiver, "__func__", receiver)
    called = vars(type(receiver)).get("__call__")
    code = getattr(function, "__code__", None) or getattr(called, "__code__", None)
    if code is None:
        return True
    # A name that it loads, or the key that it takes out of **kwargs.
    return any(
        "connection" in one.argval if isinstance(one.argval, tuple) else one.argval == "connection"
        for one in dis.get_instructions(code)
    )


def _silence_mail(stack: contextlib.ExitStack) -> None:
    """Let mails vanish: one that a migration sends must not stop a restore."""
    from django.core import mail
    from django.core.mail.backends.base import BaseEmailBackend
    from django.core.mail.backends.dummy import EmailBackend

    def none_sent(*_: Any, **__: Any) -> int:
        return 0

    _replace(stack, mail.EmailMessage, "send", none_sent)
    _replace(stack, mail, "get_connection", lambda *_, **__: EmailBackend())
    for backend in _subclasses(BaseEmailBackend):
        if "send_messages" in vars(backend):
            _replace(stack, backend, "send_messages", none_sent)


def _silence_storages(stack: contextlib.ExitStack) -> None:
    from django.core.files.storage import Storage

    for storage in (Storage, *_subclasses(Storage)):
        for name in ("save", "_save", "delete"):
            if name in vars(storage):
                _replace(stack, storage, name, _refused)
        if "open" in vars(storage):
            _replace(stack, storage, "open", _read_only(storage.open))


def _refused(self: Any, name: Any = "", *_: Any, **__: Any) -> Any:
    raise EffectRefused(f"{name or 'a file'} in the storage {type(self).__name__}")


def _read_only(original: Callable[..., Any]) -> Callable[..., Any]:
    def open_file(self: Any, name: Any, mode: str = "rb", *rest: Any, **named: Any) -> Any:
        if set(mode) & set("wax+"):
            _refused(self, name)
        return original(self, name, mode, *rest, **named)

    return open_file


def _dropped(*_: Any, **__: Any) -> None:
    """Forget what is to run after a commit."""


def _with_sockets(original: Callable[..., Any]) -> Callable[..., Any]:
    def connect(self: Any) -> Any:
        # A backend may have to ask for its password before the driver connects.
        with allow_sockets():
            return original(self)

    return connect


def _subclasses(base: type) -> list[type]:
    found: dict[type, None] = {}
    waiting: list[type] = base.__subclasses__()
    while waiting:
        one = waiting.pop()
        if one not in found:
            found[one] = None
            waiting += one.__subclasses__()
    return list(found)


def _replace(stack: contextlib.ExitStack, owner: Any, name: str, new: Any) -> None:
    missing = object()
    old = vars(owner).get(name, missing)
    setattr(owner, name, new)
    stack.callback(delattr, owner, name) if old is missing else stack.callback(setattr, owner, name, old)
