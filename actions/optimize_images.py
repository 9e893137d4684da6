"""
Put smaller images in the place of large ones, by a new file and a change of the rows that name it.

Which images: larger than ``over``, named by rows in image fields (``--file-fields``: in any file field) that
can all be changed. What any text of ``references`` names stays, so do a field's default, QR codes, and what
``areas.*.ignore`` names. Each is encoded as ``image_encoding`` says and changes only if that saves
``save_at_least`` of it.

The new file gets a new name beside the old one, with the same owner and mode. When it is on the disk, all
rows that name the old file are set to the new one in one transaction, each only if it still names the old
file; rows of all models on all databases, also those that managers hide, without signals. An original stays
where it is. No row names it any more, so cleanup_orphaned_media takes it after its own grace, which begins
with the change, into quarantine, and later for good: only then is its room free. Until then ``--undo`` takes
a run back. A killed run is settled at the start of the next one.

Videos are told; with ``--videos`` those in MP4 and QuickTime files are encoded anew by ffmpeg, under the same
rules (see ``video``). That takes minutes each, so a plan looks at their headers only and says what they may
become at most.
"""

from typing import Literal

from pydantic import Field, field_validator

from actions.action import Context, Outcome
from actions.images.encoding import require_pillow
from actions.images.exchange import ImageExchange
from actions.images.plan import ImagePlan
from actions.images.recovery import settle_unfinished, unfinished_count
from actions.images.search import ImageSearch, Wish
from actions.images.undo import UndoPlan, plan_undo, undo
from actions.images.video import require_ffmpeg
from storekeeper.config import Config
from storekeeper.config.fields import Model, PathInside
from storekeeper.errors import ConfigurationError
from storekeeper.files import Tree
from storekeeper.units import parse_size

NAME = "optimize_images"


class OptimizeImagesOptions(Model):
    """What a person may choose."""

    to: Literal["webp", "same"] = Field(default="webp", description="Make WebP, or keep each format.")
    over: str = Field(default="100KB", description="Look at images larger than this.")
    quality: int = Field(default=80, ge=1, le=100, description="The quality of what was a JPEG.")
    save_at_least: float = Field(
        default=0.1, gt=0, lt=1, description="Change an image only if this share of it is saved."
    )
    area: str = Field(default="media", description="The area whose images are looked at.")
    below: PathInside | None = Field(default=None, description="Only images below this folder of the area.")
    file_fields: bool = Field(
        default=False, description="Also images in fields for files of any kind, such as downloads."
    )
    videos: bool = Field(
        default=False, description="Also encode MP4 and QuickTime videos anew, where ffmpeg is installed."
    )
    crf: int = Field(
        default=23, ge=0, le=51, description="The quality of a video: 18 looks the same, 28 is small."
    )
    most: int = Field(default=500, ge=1, description="Change at most this many files, the largest first.")
    undo: str | None = Field(default=None, description="Take a run back: its name, or latest.")

    @field_validator("over")
    @classmethod
    def _is_size(cls, value: str) -> str:
        parse_size(value)
        return value


class OptimizeImages:
    """The action; see the module's description for its rules."""

    name = NAME
    summary = "Put smaller images (WebP) in the place of large ones, rows included; originals stay for undo."
    Options: type[Model] = OptimizeImagesOptions

    def resources(self, config: Config, options: OptimizeImagesOptions) -> tuple[str, ...]:
        """Give the area and the databases, so that neither a cleanup nor a restore runs meanwhile."""
        return (options.area, *(f"database-{name}" for name in config.databases))

    def plan(self, context: Context, options: OptimizeImagesOptions) -> ImagePlan | UndoPlan:
        """Look at files and rows and try each image's new form; raises StorekeeperError."""
        with self._tree(context.config, options) as tree:
            unfinished = unfinished_count(context.config, tree=tree)
            if options.undo is not None:
                return plan_undo(
                    context, area=options.area, tree=tree, wanted=options.undo, unfinished=unfinished
                )
            require_pillow()
            if options.videos:
                require_ffmpeg()
            search = ImageSearch(context, area=options.area, wish=wish_of(options))
            return search.plan(tree, unfinished=unfinished)

    def perform(
        self, context: Context, options: OptimizeImagesOptions, plan: ImagePlan | UndoPlan
    ) -> Outcome:
        """Do what the plan says and what is still so; raises NotEnoughSpace before anything is written."""
        with self._tree(context.config, options) as tree:
            gone = settle_unfinished(context, tree=tree)
            if isinstance(plan, UndoPlan):
                return undo(context, plan=plan, tree=tree)
            if plan.images:
                return ImageExchange(context, plan=plan, wish=wish_of(options)).run(tree)
        parts = [f"{gone} files of an interrupted run were removed"] if gone else []
        return Outcome(summary="; ".join(["no image was to change", *parts, *plan.notes]), changed=gone)

    def _tree(self, config: Config, options: OptimizeImagesOptions) -> Tree:
        if options.area not in config.areas:
            raise ConfigurationError(
                f"there is no area {options.area}", hint=f"Known: {', '.join(config.areas)}"
            )
        return Tree(config.areas[options.area].path)


def wish_of(options: OptimizeImagesOptions) -> Wish:
    """Give what the options ask of the images."""
    return Wish(
        to=options.to,
        over_bytes=parse_size(options.over),
        quality=options.quality,
        save_at_least=options.save_at_least,
        below=options.below or "",
        plain_files=options.file_fields,
        most=options.most,
        videos=options.videos,
        crf=options.crf,
    )
