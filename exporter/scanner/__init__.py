"""Measure directory trees: every figure from one walk, and the next walk reads only what changed."""

from exporter.scanner.candidates import CandidateFile, candidate_files
from exporter.scanner.errors import AreaUnreadable, ScanCancelled, ScanError
from exporter.scanner.request import Budget, FilePattern, ScanRequest
from exporter.scanner.scanning import scan
from exporter.scanner.state_file import load_state, save_state
from exporter.scanner.table import TreeState
from exporter.scanner.usage import GroupUsage, LargeFile, MatchUsage, PatternUsage, ScanProblem, TreeUsage

__all__ = [
    "AreaUnreadable",
    "Budget",
    "CandidateFile",
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
    "candidate_files",
    "load_state",
    "save_state",
    "scan",
]
