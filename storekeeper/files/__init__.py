"""Files below a configured root, touched through directory descriptors alone."""

from storekeeper.files.atomic import PartialFile
from storekeeper.files.found import FoundFile
from storekeeper.files.locks import ResourceLock
from storekeeper.files.space import free_bytes, require_free_bytes
from storekeeper.files.tree import Tree

__all__ = ["FoundFile", "PartialFile", "ResourceLock", "Tree", "free_bytes", "require_free_bytes"]
