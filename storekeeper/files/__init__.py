"""Files below a configured root, touched through directory descriptors alone."""

from storekeeper.files.atomic import PartialFile
from storekeeper.files.locks import ResourceLock
from storekeeper.files.space import free_bytes, require_free_bytes
from storekeeper.files.tree import FoundFile, Tree

__all__ = ["FoundFile", "PartialFile", "ResourceLock", "Tree", "free_bytes", "require_free_bytes"]
