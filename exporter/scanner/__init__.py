"""Measure directory trees: every figure from one walk, and the next walk reads only what changed."""

from exporter.scanner.errors import AreaUnreadable, ScanCancelled, ScanError
from exporter.scanner.listing import Listing, unpacked
from exporter.scanner.request import Budget, ScanRequest
from exporter.scanner.scanning import scan
from exporter.scanner.table import TreeState
from exporter.scanner.usage import GroupUsage, LargeFile, ScanProblem, TreeUsage

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
