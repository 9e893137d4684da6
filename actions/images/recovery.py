"""Settle what a killed run of optimize_images has left: new files stay where rows name them, else they go."""

import os
from collections.abc import Iterator

from actions.action import Context
from actions.images.journal import CHANGED, DROPPED, Exchange, Identity, ImageJournal, RunMap
from actions.images.rows import settle_rows
from actions.media.references import named_files
from storekeeper.config import Config
from storekeeper.files import FoundFile, Tree


def unfinished_count(config: Config, *, tree: Tree) -> int:
    """Give how many images below the root were being changed when their run was killed."""
    return sum(len(exchanges) for _, exchanges in _runs(config, tree))


def settle_unfinished(context: Context, *, tree: Tree) -> int:
    """
    Finish the books of killed runs; give how many new files went.

    The interpreter that a killed run has started may still be at work. Its permit is taken away first; then
    the rows are locked one by one, so that what it has done by then is seen, and nothing can come after.
    """
    gone = 0
    for run, exchanges in _runs(context.config, tree):
        run.forbid()
        if not exchanges:
            continue
        with context.shop.talk() as conversation:
            settle_rows(conversation, [row for exchange in exchanges for row in exchange.rows])
            named = named_files(
                conversation,
                config=context.config,
                root=tree.root,
                files=[exchange.new for exchange in exchanges],
            ).files
        for exchange in exchanges:
            if exchange.new in named:
                run.write([{"event": CHANGED, "new": exchange.new}])
                continue
            gone += remove_made(tree, exchange)
            run.write([{"event": DROPPED, "new": exchange.new}])
    return gone


def remove_made(tree: Tree, exchange: Exchange) -> bool:
    """Remove the new file of an exchange, which no row names; True when it was there and was ours."""
    file: FoundFile | None = tree.find(exchange.new)
    if file is None or exchange.new_identity not in (None, Identity.of(file)):
        return False
    return tree.remove(file)


def _runs(config: Config, tree: Tree) -> Iterator[tuple[RunMap, list[Exchange]]]:
    """Give every run below the root with its unfinished exchanges."""
    for run in ImageJournal(config).runs():
        root, exchanges = run.read()
        if root == os.fspath(tree.root):
            yield run, [exchange for exchange in exchanges if exchange.unfinished]
