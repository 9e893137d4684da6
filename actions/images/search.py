"""Find the images that are worth changing: large, named by rows alone, and smaller in the new form."""

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from actions.action import Context, Progress
from actions.images.encoding import Encoded, LeftAlone, Target, encode
from actions.images.journal import ImageJournal
from actions.images.plan import ImagePlan, LeftImage, PlannedImage
from actions.images.rows import NamingRow, rows_naming
from actions.images.video import MUXERS, VIDEO_SUFFIXES, check_video, encode_video
from storekeeper.errors import ConfigurationError, UnsafePath
from storekeeper.files import FoundFile, Tree
from storekeeper.measure.passed_files import passed_patterns

IMAGE_SUFFIXES: Final = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif")
FILE_LIMIT_BYTES: Final = 100_000_000
"""A larger image file is not even read."""
KEPT_BYTES: Final = 128_000_000
"""New contents that a plan keeps in memory, so that they are not encoded twice."""
NAME_BYTES: Final = 255


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What a person asked for, checked."""

    to: Target
    over_bytes: int
    quality: int
    save_at_least: float
    below: str
    plain_files: bool
    most: int
    videos: bool = False
    crf: int = 23

    @property
    def suffix(self) -> str:
        """Give the suffix that fields must take, empty where it stays as it was."""
        return ".webp" if self.to == "webp" else ""


class ImageSearch:
    """One look at an area."""

    def __init__(self, context: Context, *, area: str, wish: Wish) -> None:
        self._context = context
        self._area = area
        self._wish = wish
        self._patterns = passed_patterns(context.config, area=area)
        self._kept_bytes = 0

    def plan(self, tree: Tree, *, unfinished: int) -> ImagePlan:
        """Look at the files, then at their rows, then try the new form of each, the largest first."""
        below = self._wish.below
        if below and not (tree.root / below).is_dir():
            raise ConfigurationError(
                f"there is no folder {below} in {tree.root}", hint="Name one as the area has it, or none"
            )
        made = ImageJournal(self._context.config).made_names(tree.root)
        files, clips, videos = [], [], []
        for file in tree.walk(below):
            if file.size_bytes > self._wish.over_bytes:
                name = file.name.lower()
                ours = file.name not in made and self._is_ours(file)
                if self._wish.videos and ours and name.endswith(tuple(MUXERS)):
                    clips.append(file)
                elif name.endswith(VIDEO_SUFFIXES):
                    videos.append(file)
                elif name.endswith(IMAGE_SUFFIXES) and ours:
                    files.append(file)
        wish = self._wish
        images, left, notes = self._try_all(
            tree, files, self._try, plain_files=wish.plain_files, suffix=wish.suffix, most=wish.most
        )
        # Fields for files of any kind are where videos stand, and each keeps its suffix.
        more = self._try_all(
            tree, clips, self._try_video, plain_files=True, suffix="", most=wish.most - len(images)
        )
        images, left, notes = images + more[0], left + more[1], notes + more[2]
        return ImagePlan(
            area=self._area,
            images=tuple(images),
            left=tuple(left),
            videos=tuple(sorted(videos, key=lambda video: -video.size_bytes)),
            unfinished=unfinished,
            notes=tuple(notes),
        )

    def _try_all(
        self,
        tree: Tree,
        files: Sequence[FoundFile],
        attempt: Callable[[Tree, FoundFile, Sequence[NamingRow]], PlannedImage],
        *,
        plain_files: bool,
        suffix: str,
        most: int,
    ) -> tuple[list[PlannedImage], list[LeftImage], list[str]]:
        images: list[PlannedImage] = []
        left: list[LeftImage] = []
        if not files:
            return images, left, []
        with self._context.shop.talk() as conversation:
            naming = rows_naming(
                conversation,
                config=self._context.config,
                root=tree.root,
                files=[file.name for file in files],
                plain_files=plain_files,
                suffix=suffix,
            )
        named = [file for file in files if file.name in naming.rows or file.name in naming.fixed]
        named.sort(key=lambda file: (-file.size_bytes, file.name))
        for done, file in enumerate(named):
            if self._context.cancelled():
                return images, left, [f"stopped after {done} of {len(named)} images"]
            if len(images) == most:
                more = f"{len(named) - done} more are for the next run (--most {self._wish.most})"
                return images, left, [more]
            self._context.report(Progress(done=done, total=len(named), unit="files looked at"))
            try:
                if why := naming.fixed.get(file.name):
                    raise LeftAlone(why)
                images.append(attempt(tree, file, naming.rows[file.name]))
            except LeftAlone as reason:
                left.append(LeftImage(file=file, why=str(reason)))
        return images, left, []

    def _try(self, tree: Tree, file: FoundFile, rows: Sequence[NamingRow]) -> PlannedImage:
        encoded = encode_file(tree, file, wish=self._wish)
        if encoded.swapped and any(row.sized for row in rows):
            raise LeftAlone("it is turned, and a row keeps its width and height")
        size_bytes = len(encoded.data)
        if size_bytes > file.size_bytes * (1 - self._wish.save_at_least):
            raise LeftAlone(f"the new form saves less than {self._wish.save_at_least:.0%}")
        token = hashlib.sha256(encoded.data).hexdigest()
        last = _free_name(tree, file, token=token, suffix=encoded.suffix, rows=rows)
        self._kept_bytes += size_bytes
        return PlannedImage(
            file=file,
            last=last,
            size_bytes=size_bytes,
            rows=len(rows),
            data=encoded.data if self._kept_bytes <= KEPT_BYTES else None,
        )

    def _try_video(self, tree: Tree, file: FoundFile, rows: Sequence[NamingRow]) -> PlannedImage:
        with _same_open(tree, file) as stream:
            check_video(stream)
        identity = f"{file.device} {file.inode} {file.modified} {file.size_bytes} {self._wish.crf}"
        token = hashlib.sha256(identity.encode()).hexdigest()
        return PlannedImage(
            file=file,
            last=_free_name(tree, file, token=token, suffix=None, rows=rows),
            size_bytes=_video_limit(file, self._wish),
            rows=len(rows),
            video=True,
        )

    def _is_ours(self, file: FoundFile) -> bool:
        """Tell whether the file's name means nothing to another action: QR codes, what the config ignores."""
        return not any(pattern.matches(file.name) for pattern in self._patterns)


def encode_file(tree: Tree, file: FoundFile, *, wish: Wish) -> Encoded:
    """Give the new form of a file that is still the one that was found; raises LeftAlone."""
    if file.size_bytes > FILE_LIMIT_BYTES:
        raise LeftAlone(f"larger than {FILE_LIMIT_BYTES // 10**6} MB")
    with _same_open(tree, file) as stream:
        data = stream.read(FILE_LIMIT_BYTES + 1)
    if len(data) != file.size_bytes:
        raise LeftAlone("it changed meanwhile")
    return encode(data, to=wish.to, quality=wish.quality)


def encode_clip(
    tree: Tree, file: FoundFile, *, wish: Wish, scratch: Path, cancelled: Callable[[], bool]
) -> IO[bytes]:
    """Give the new form of a video as an open file without a name in ``scratch``; raises LeftAlone."""
    with _same_open(tree, file) as stream:
        return encode_video(
            stream,
            muxer=MUXERS[f".{file.name.lower().rpartition('.')[2]}"],
            crf=wish.crf,
            limit_bytes=_video_limit(file, wish),
            scratch=scratch,
            cancelled=cancelled,
        )


def _video_limit(file: FoundFile, wish: Wish) -> int:
    return int(file.size_bytes * (1 - wish.save_at_least))


@contextmanager
def _same_open(tree: Tree, file: FoundFile) -> Iterator[IO[bytes]]:
    """Open a file that was found; raises LeftAlone unless it is the same, unchanged, also at the end."""
    try:
        stream = tree.open(file.name)
    except (OSError, UnsafePath) as error:
        raise LeftAlone(f"cannot be read: {error}") from None
    with stream:
        if not file.is_still(os.fstat(stream.fileno())):
            raise LeftAlone("it changed meanwhile")
        yield stream
        try:
            still = tree.look(file.name)
        except (OSError, UnsafePath) as error:
            raise LeftAlone(f"cannot be read: {error}") from None
        if still is None or not file.same_as(still):
            raise LeftAlone("it changed meanwhile")


def _free_name(
    tree: Tree, file: FoundFile, *, token: str, suffix: str | None, rows: Sequence[NamingRow]
) -> str:
    folder = file.name.rpartition("/")[0]
    names = _names(file, token=token[:10], suffix=suffix, rows=rows)
    return next(last for last in names if tree.find(f"{folder}/{last}".lstrip("/")) is None)


def _names(file: FoundFile, *, token: str, suffix: str | None, rows: Sequence[NamingRow]) -> Iterator[str]:
    """Give new last names, made of the old one and a token; raises LeftAlone where none has room."""
    old = file.name.rpartition("/")[2]
    stem, _, extension = old.rpartition(".")
    room = min((row.longest - len(row.value) + len(old) for row in rows if row.longest), default=NAME_BYTES)
    for number in range(1, 100):
        tail = f"-{token}{f'-{number}' if number > 1 else ''}{suffix or f'.{extension}'}"
        short = stem[: max(0, room - len(tail))]
        while len((short + tail).encode("utf-8", "surrogateescape")) > NAME_BYTES:
            short = short[:-1]
        if not short:
            break
        yield short + tail
    raise LeftAlone("its field has no room for a new name")
