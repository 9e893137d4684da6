"""
Put new images in the place of old ones: file first, then every row that names it, in one transaction.

The new file is whole and on the disk before any row names it, and it is taken away again only when the shop
has said that no row does. The original stays where it is. So whenever the run is killed, every row names a
file that is there. A round is written down before it begins, and before its rows change.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Final

from actions.action import Context, Outcome, Progress
from actions.images.encoding import LeftAlone
from actions.images.journal import CHANGED, DROPPED, MADE, MAKING, Identity, ImageJournal
from actions.images.plan import ImagePlan, PlannedImage
from actions.images.rows import NamingRow, rename_in_rows, rows_naming
from actions.images.search import Wish, encode_clip, encode_file
from storekeeper.errors import NotEnoughSpace
from storekeeper.files import FoundFile, Tree, require_free_bytes
from storekeeper.units import format_size

ROUND_IMAGES: Final = 100
MARGIN_BYTES: Final = 10_000_000
"""Room that stays free beside the new files."""


@dataclass(frozen=True, kw_only=True)
class _Written:
    image: PlannedImage
    file: FoundFile


@dataclass(kw_only=True)
class _Done:
    images: int = 0
    rows: int = 0
    old_bytes: int = 0
    new_bytes: int = 0
    left: list[tuple[str, str]] = field(default_factory=list)


class ImageExchange:
    """One run over a plan."""

    def __init__(
        self, context: Context, *, plan: ImagePlan, wish: Wish, margin_bytes: int = MARGIN_BYTES
    ) -> None:
        self._margin_bytes = margin_bytes
        self._context = context
        self._plan = plan
        self._wish = wish
        self._map = ImageJournal(context.config).new_run(context.now())
        self._done = _Done()

    def run(self, tree: Tree) -> Outcome:
        """Change what the plan lists and what is still so; raises NotEnoughSpace before or within a round."""
        require_free_bytes(
            tree.root, needed_bytes=self._plan.new_bytes + self._margin_bytes, purpose="optimize_images"
        )
        largest = max((image.size_bytes for image in self._plan.images if image.video), default=0)
        if largest:
            # ffmpeg's file grows there first.
            require_free_bytes(
                self._context.config.state,
                needed_bytes=largest + self._margin_bytes,
                purpose="the encoding of a video",
            )
        self._map.begin(area=self._plan.area, root=tree.root)
        permit = self._map.allow()
        try:
            for images in _rounds(self._plan.images):
                if self._context.cancelled():
                    break
                self._round(tree, images, permit=permit)
        finally:
            self._map.forbid()
        return self._outcome()

    def _round(self, tree: Tree, images: Sequence[PlannedImage], *, permit: Path) -> None:
        self._map.write({"event": MAKING, "old": image.file.name, "new": image.name} for image in images)
        written: list[_Written] = []
        for image in images:
            try:
                file = self._write(tree, image)
            except LeftAlone as reason:
                self._leave(image, str(reason))
                continue
            except OSError as error:
                # No row names these files yet.
                for one in written:
                    self._drop(tree, one, why="")
                raise NotEnoughSpace(
                    f"{image.name} cannot be written: {error.strerror}",
                    hint="The images of this round stay as they were, those before it are changed",
                ) from None
            written.append(_Written(image=image, file=file))
        if written:
            self._change_rows(tree, written, permit=permit)

    def _write(self, tree: Tree, image: PlannedImage) -> FoundFile:
        if image.video:
            config, cancelled = self._context.config, self._context.cancelled
            clip = encode_clip(tree, image.file, wish=self._wish, scratch=config.state, cancelled=cancelled)
            with clip:
                return self._write_beside(tree, image, clip)
        data = image.data
        if data is None:
            data = encode_file(tree, image.file, wish=self._wish).data
        elif (still := tree.find(image.file.name)) is None or not image.file.same_as(still):
            raise LeftAlone("it changed meanwhile")
        return self._write_beside(tree, image, data)

    def _write_beside(self, tree: Tree, image: PlannedImage, content: bytes | IO[bytes]) -> FoundFile:
        try:
            file = tree.write_beside(image.file, last=image.last, content=content)
        except FileNotFoundError:
            raise LeftAlone("it went away meanwhile") from None
        except FileExistsError:
            raise LeftAlone(f"{image.last} exists already") from None
        except PermissionError:
            raise LeftAlone("we may not write beside it, or not for the same readers") from None
        _touch(tree, image.file)
        return file

    def _change_rows(self, tree: Tree, written: Sequence[_Written], *, permit: Path) -> None:
        video = written[0].image.video
        with self._context.shop.talk() as conversation:
            naming = rows_naming(
                conversation,
                config=self._context.config,
                root=tree.root,
                files=[one.image.file.name for one in written],
                plain_files=video or self._wish.plain_files,
                suffix="" if video else self._wish.suffix,
            )
            ready: list[tuple[_Written, list[NamingRow]]] = []
            for one in written:
                name = one.image.file.name
                rows = naming.rows.get(name, [])
                if why := naming.fixed.get(name):
                    self._drop(tree, one, why=why)
                elif not rows or not all(row.fits(one.image.name) for row in rows):
                    self._drop(tree, one, why="its rows changed meanwhile")
                else:
                    ready.append((one, rows))
            self._map.write(
                {
                    "event": MADE,
                    "new": one.image.name,
                    "old_identity": asdict(Identity.of(one.image.file)),
                    "new_identity": asdict(Identity.of(one.file)),
                    "rows": [row.place() for row in rows],
                }
                for one, rows in ready
            )
            changes = [[row.change(one.image.name, root=tree.root) for row in rows] for one, rows in ready]
            answers = rename_in_rows(conversation, changes=changes, permit=permit)
            for (one, rows), why in zip(ready, answers, strict=True):
                if why:
                    self._drop(tree, one, why=why)
                    continue
                self._map.write([{"event": CHANGED, "new": one.image.name}])
                self._done.images += 1
                self._done.rows += len(rows)
                self._done.old_bytes += one.image.file.size_bytes
                self._done.new_bytes += one.file.size_bytes
                self._report()

    def _drop(self, tree: Tree, one: _Written, *, why: str) -> None:
        """Take a new file away that no row names: none was set to it, or all of them were rolled back."""
        tree.remove(one.file)
        self._leave(one.image, why)

    def _leave(self, image: PlannedImage, why: str) -> None:
        self._map.write([{"event": DROPPED, "new": image.name}])
        if why:
            self._done.left.append((image.file.name, why))

    def _report(self) -> None:
        self._context.report(
            Progress(done=self._done.images, total=len(self._plan.images), unit="files changed")
        )

    def _outcome(self) -> Outcome:
        done = self._done
        text = (
            f"changed {done.images} files in {done.rows} rows, {format_size(done.old_bytes)} became"
            f" {format_size(done.new_bytes)}; will free {format_size(done.old_bytes)} when"
            f" cleanup_orphaned_media removes the originals, until then {format_size(done.new_bytes)} more"
            f" are in use; back with --undo {self._map.run}"
        )
        if done.left:
            text += f"; {len(done.left)} were left alone after all"
        return Outcome(
            summary="; ".join([text, *self._plan.notes]),
            # Until the originals go, the disk holds both.
            freed_bytes=0,
            changed=done.images,
            details={
                "run": self._map.run,
                "images": done.images,
                "rows": done.rows,
                "old_bytes": done.old_bytes,
                "new_bytes": done.new_bytes,
                "left": dict(done.left),
            },
        )


def _rounds(images: Sequence[PlannedImage]) -> Iterator[Sequence[PlannedImage]]:
    """Give pictures by the hundred and each video alone: so little work is lost when a run is killed."""
    pictures = [image for image in images if not image.video]
    for start in range(0, len(pictures), ROUND_IMAGES):
        yield pictures[start : start + ROUND_IMAGES]
    for image in images:
        if image.video:
            yield (image,)


def _touch(tree: Tree, file: FoundFile) -> None:
    """
    Let the original's ctime be now, its mtime stay: the grace of cleanup_orphaned_media begins here.

    Where that is not ours to do, its quarantine alone keeps the original for a while.
    """
    if os.utime not in os.supports_fd:
        return
    with suppress(OSError), tree.open(file.name) as stream:
        status = os.fstat(stream.fileno())
        os.utime(stream.fileno(), ns=(status.st_atime_ns, status.st_mtime_ns))
