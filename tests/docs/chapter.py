"""Run the commands of a chapter of the documentation word by word, in the order in which they stand."""

import re
import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

CHECKOUT: Final = Path(__file__).parents[2]
_BLOCK: Final = re.compile(
    r"^(?:<!-- run: (?P<part>\w+) -->\n)?```(?P<kind>sh|yaml)\n(?P<text>.*?)^```$", re.M | re.S
)


@dataclass(frozen=True, kw_only=True)
class Done:
    """What the commands printed, and how they ended."""

    exit_code: int
    output: str


def run_chapter(
    name: str,
    *,
    places: Mapping[str, Path],
    programs: Path,
    config: Path,
    environment: Mapping[str, str],
    part: str | None = None,
) -> Done:
    """
    Run every block of commands in one shell that stops at the first error; blocks of YAML go into the config.

    ``places`` are the folders of the text → where they are here; ``programs`` comes first in PATH and has
    ``merge-config``, which reads YAML. A block after ``<!-- run: PART -->`` is run for that part alone.
    """
    known = re.compile(rf"(?<!\w)({'|'.join(map(re.escape, places))})(?=[/\s\"']|$)", re.M)
    text = (CHECKOUT / "docs" / name).read_text("utf-8")
    text = known.sub(lambda found: str(places[found[1]]), text)
    lines = ["set -euo pipefail"]
    for block in _BLOCK.finditer(text):
        if block["part"] != part:
            continue
        if block["kind"] == "yaml":
            lines.append(f"merge-config {shlex.quote(str(config))} <<'YAML'\n{block['text']}YAML")
        else:
            # Each command is seen in the output, before what it prints.
            lines.append(f"set -x\n{block['text']}{{ set +x; }} 2>/dev/null")
    script = programs / "chapter.sh"
    script.write_text("\n".join(lines))
    done = subprocess.run(
        ["bash", script],
        stdin=subprocess.DEVNULL,
        env={**environment, "PATH": f"{programs}:{environment['PATH']}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=280,
        cwd=programs,
    )
    return Done(exit_code=done.returncode, output=done.stdout)
