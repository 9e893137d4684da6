"""Measure directory trees: every figure from one walk, and the next walk reads only what changed."""

from storekeeper.measure.scanner.errors import AreaUnreadable, ScanCancelled, ScanError
from storekeeper.measure.scanner.listing import Listing, unpacked
from storekeeper.measure.scanner.request import Budget, ScanRequest
from storekeeper.measure.scanner.scanning import scan
from storekeeper.measure.scanner.table import TreeState
from storekeeper.measure.scanner.usage import GroupUsage, LargeFile, ScanProblem, TreeUsage

__all__ = [
    "AreaUnreadable",
    "Budget",
    "GroupUsage",
    "LargeFile",
    "Listing",
    "ScanCancelled",
    "ScanError",
    "ScanProblem",
    "ScanRequest",
    "TreeState",
    "TreeUsage",
    "scan",
    "unpacked",
]
