"""Measure directory trees: every figure from one walk, and the next walk reads only what changed."""

from exporter.scanner.errors import AreaUnreadable, ScanCancelled, ScanError
from exporter.scanner.request import Budget, FilePattern, ScanRequest
from exporter.scanner.scanning import scan
from exporter.scanner.table import TreeState
from exporter.scanner.usage import GroupUsage, LargeFile, MatchUsage, PatternUsage, ScanProblem, TreeUsage

__all__ = [
    "AreaUnreadable",
    "Budget",
    "FilePattern",
    "GroupUsage",
    "LargeFile",
    "MatchUsage",
    "PatternUsage",
    "ScanCancelled",
    "ScanError",
    "ScanProblem",
    "ScanRequest",
    "TreeState",
    "TreeUsage",
    "scan",
]
