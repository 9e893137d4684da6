"""Find the orphans of an area: files first, then what names them, so that a new upload is no candidate."""

from collections.abc import Collection, Iterable, Iterator, Sequence

from actions.action import Context
from actions.budget import beyond_budget
from actions.media.orphan_plan import NotJudged
from actions.media.references import named_files
from storekeeper.errors import ConfigurationError, ShopError
from storekeeper.files import FoundFile, Tree
from storekeeper.measure.live_names import read_live_names
from storekeeper.measure.orphans import FoundOrphans, OrphanFinder
from storekeeper.measure.own_code import names_in_code
from storekeeper.measure.passed_files import passed_files, small_text
from storekeeper.replaced_images import replaced_images
from storekeeper.shop import ShopDescription
from storekeeper.shop.shop import Conversation
from storekeeper.shop.uploads import Uploads, uploads_of

DAY_SECONDS = 86400.0


class OrphanSearch:
    """One look at an area and at everything that may name its files."""

    def __init__(self, context: Context, *, area: str, grace_days: int) -> None:
        self._config = context.config
        self._area = area
        self._youngest = context.now().timestamp() - grace_days * DAY_SECONDS
        self._grace_days = grace_days
        self._folders: dict[str, dict[str, FoundFile]] = {}
        self._found = FoundOrphans()
        self._young = 0

    def orphans(self, tree: Tree, *, conversation: Conversation) -> list[FoundFile]:
        """
        Return the orphans that are old enough, in the order of their names.

        Raises ConfigurationError where the area holds more than uploads, ShopError where no row names any
        file: then the rows are missing, not the files wrong.
        """
        description = ShopDescription.model_validate(conversation.ask("describe"))
        if next(iter(tree.walk()), None) is None:
            # Nothing lies there, wherever the uploads go.
            return []
        uploads = self._uploads(tree, description)
        for file in tree.walk():
            folder, _, name = file.name.rpartition("/")
            self._folders.setdefault(folder, {})[name] = file
        live = read_live_names(tree.root, config=self._config, description=description)
        if live.count == 0 and self._folders:
            raise ShopError(
                f"no row of the shop names a file, but {tree.root} holds {self._count}: nothing was touched",
                hint="Are the shop's data there? A file is an orphan only beside files that have rows",
            )
        self._found = OrphanFinder(
            uploads=uploads,
            live=live,
            named=lambda files: (
                named_files(conversation, config=self._config, root=tree.root, files=files).files
            ),
            in_code=lambda files: names_in_code(files, config=self._config, description=description),
            read=lambda name: small_text(tree, name),
            passed=passed_files(self._config, area=self._area),
            replaced=replaced_images(self._config.state, root=tree.root),
        ).find(self._listing)
        found = [self._file(name) for name in sorted(self._found.orphans)]
        old = [file for file in found if file.youngest < self._youngest]
        self._young = len(found) - len(old)
        return old

    def folder_of(self, name: str) -> str:
        """Return the folder by which approvals name the orphan's place."""
        return self._found.orphans[name]

    def notes(self) -> Iterator[str]:
        """Yield what a reader of the plan wants to know about files that stay."""
        if self._young:
            yield (
                f"{self._young} more have no row either, but something happened to them in the last"
                f" {self._grace_days} days"
            )
        for reason, count in sorted(self._found.kept.items()):
            yield f"{count} stay without a row: {reason}"

    def not_judged(self) -> tuple[NotJudged, ...]:
        """Return the folders whose files are not judged; one inside another with the same reason is one."""
        reasons = self._found.left_alone
        sums: dict[str, list[int]] = {}
        for folder in sorted(reasons):
            top = folder
            while "/" in top and reasons.get(top.rpartition("/")[0]) == reasons[folder]:
                top = top.rpartition("/")[0]
            counted = sums.setdefault(top, [0, 0])
            for file in self._folders.get(folder, {}).values():
                counted[0] += 1
                counted[1] += file.size_bytes
        return tuple(
            NotJudged(folder=folder, files=files, size_bytes=size, reason=reasons[folder])
            for folder, (files, size) in sums.items()
        )

    def over_budget(self, orphans: Sequence[FoundFile]) -> str:
        """Return why moving the orphans would be too much, ``""`` when it is not."""
        return beyond_budget(
            self._config.budget,
            what=self._area,
            files=len(orphans),
            size_bytes=sum(file.size_bytes for file in orphans),
            present=lambda: (self._count, sum(file.size_bytes for file in self._all())),
        )

    @property
    def _count(self) -> int:
        return sum(len(files) for files in self._folders.values())

    def _all(self) -> Iterator[FoundFile]:
        for files in self._folders.values():
            yield from files.values()

    def _listing(self) -> Iterable[tuple[str, Collection[str]]]:
        return self._folders.items()

    def _file(self, name: str) -> FoundFile:
        folder, _, last = name.rpartition("/")
        return self._folders[folder][last]

    def _uploads(self, tree: Tree, description: ShopDescription) -> Uploads:
        """Return where uploads come from; raises ConfigurationError for none, or for more than uploads."""
        uploads = uploads_of(tree.root, area=self._area, config=self._config, description=description)
        if uploads.empty:
            raise ConfigurationError(
                f"area {self._area}: no file field of the shop writes to {tree.root}",
                hint="Name the area that holds the uploads, such as media",
            )
        if uploads.refusal:
            raise ConfigurationError(
                uploads.refusal, hint="Give the uploads a folder of their own (MEDIA_ROOT)"
            )
        return uploads
