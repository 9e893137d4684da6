"""The copies of backups that lie at a place, as their manifests tell of them."""

from dataclasses import dataclass

from actions.offsite.place import OffsitePlace
from storekeeper.backups import MANIFEST_SUFFIX, Manifest
from storekeeper.backups.manifest import read_manifest_text


@dataclass(frozen=True, kw_only=True)
class CopyThere:
    """
    A copy at a place. Of an encrypted one the manifest says no more than is needed to find and check it.

    ``size_bytes`` is the size of its file there; None where nobody asked or none is there.
    """

    name: str
    manifest: Manifest
    size_bytes: int | None = None

    @property
    def problem(self) -> str:
        """Say what is wrong with it as far as can be seen from here; empty for nothing."""
        if self.size_bytes != self.manifest.size_bytes:
            return f"it has {self.size_bytes} bytes there, its manifest says {self.manifest.size_bytes}"
        return self.manifest.verification_error

    @property
    def verified(self) -> bool:
        """Tell whether a restore has proved it before it was copied, and nothing is seen to be wrong."""
        return self.manifest.verified is not None and not self.problem


def list_copies(place: OffsitePlace, *, shop: str = "") -> list[CopyThere]:
    """
    Give every copy at the place that has a manifest, the newest first; with ``shop`` only those of this shop.

    What has no manifest, or one that is damaged, is no copy: it may be half of one.
    """
    copies = [
        CopyThere(name=name, manifest=manifest, size_bytes=place.size_bytes(name))
        for name, manifest in manifests_at(place, shop=shop).items()
    ]
    return sorted(copies, key=lambda copy: (copy.manifest.created, copy.name), reverse=True)


def manifests_at(place: OffsitePlace, *, shop: str) -> dict[str, Manifest]:
    """Give file name → manifest of each copy of the shop's at the place."""
    names = place.names()
    manifests = {}
    for name in sorted(names):
        file = name.removesuffix(MANIFEST_SUFFIX)
        if name != file and file in names:
            manifest = read_manifest_text(place.read_small(name), file=file)
            if manifest is not None and manifest.is_of(shop):
                manifests[file] = manifest
    return manifests
