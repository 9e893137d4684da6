"""
What a place off this machine keeps, where the config says ``backups.offsite_keep``.

The copies there and the backups here are judged together, by the same rules as ``prune_backups``. What those
would not keep is not brought there, and what is there of it is removed. Without a manifest of this shop's
nothing is judged, and nothing is removed.
"""

from collections.abc import Collection

from actions.action import Context
from actions.backups.series import judge
from actions.offsite.place import OffsitePlace
from storekeeper.backups import MANIFEST_SUFFIX, Manifest, sums_name
from storekeeper.config import Retention


def unwanted(
    context: Context,
    *,
    here: dict[str, Manifest],
    there: dict[str, Manifest],
    damaged: Collection[str],
    keep: Retention,
) -> list[str]:
    """
    Give the files that the place is not to have, of those that are here or there.

    ``damaged`` are copies that have another size than their manifests say: they count for nothing.
    """
    decisions = judge(
        {**there, **here}.values(),
        damaged=damaged,
        keep=keep,
        now=context.now(),
        time_zone=context.shop.describe().time_zone,
    )
    return [name for name, decision in decisions.items() if not decision.keep]


def remove_copy(place: OffsitePlace, name: str) -> None:
    """Remove a copy, and last its manifest: what a broken line leaves is judged again by the next run."""
    for each in (name, sums_name(name), name + MANIFEST_SUFFIX):
        place.remove(each)
