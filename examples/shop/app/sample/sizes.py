"""Sizes on the command line: ``20MB``, ``1GiB``, ``4096``."""

import argparse
import re

_UNITS = {"": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}


def size_bytes(text: str) -> int:
    """Return the bytes that ``text`` names; for use as an argparse type."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMG]I?B|B?)", text.strip().upper())
    if not match:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size: write 20MB, 1GiB or a number of bytes")
    return int(float(match[1]) * _UNITS[match[2].removesuffix("B") and match[2]])
