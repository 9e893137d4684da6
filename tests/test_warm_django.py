"""Where the shops' own commands run: each as if in an interpreter of its own."""

from pathlib import Path

from tests.warm_django import WarmDjango

LEAVE = (
    "import os, string\nos.environ['LEFT'] = 'left'\nstring.left = 1\nprint('ទុក')\nraise SystemExit('enough')"
)
LOOK = "import os, string\nprint(dict(os.environ), hasattr(string, 'left'), os.getcwd())"


def test_nothing_stays_for_the_next(warm_django: WarmDjango, tmp_path: Path) -> None:
    """Environment, modules, folder and output are of one command alone."""
    first = warm_django.run(("-c", LEAVE), folder=tmp_path.parent, environment={"MINE": "1"})
    second = warm_django.run(("-c", LOOK), folder=tmp_path, environment={"MINE": "2"})
    assert (1, "ទុក\n", "enough\n") == (first.returncode, first.stdout, first.stderr)
    assert (0, f"{{'MINE': '2'}} False {tmp_path}\n", "") == (second.returncode, second.stdout, second.stderr)


def test_script_runs_as_the_program(warm_django: WarmDjango, tmp_path: Path) -> None:
    """A script gets its words, finds what lies beside it, and fails with its traceback."""
    (tmp_path / "beside.py").write_text("print(__name__)")
    (tmp_path / "manage.py").write_text(
        "import sys, beside\nprint(__name__, sys.argv)\nraise ValueError('bad')"
    )
    done = warm_django.run(("manage.py", "a", "b"), folder=tmp_path, environment={})
    assert (1, "beside\n__main__ ['manage.py', 'a', 'b']\n") == (done.returncode, done.stdout)
    assert done.stderr.endswith("ValueError: bad\n")
