"""The table of mutants stays true: each row names a check that is there, and tests that are there."""

import ast
from pathlib import Path

import pytest

from tests.mutants.table import CHECKOUT, Mutant, read_table

MUTANTS = read_table()


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_row_names_what_is_there(mutant: Mutant) -> None:
    """Its text stands once in its file, the file still is Python without it, and its tests exist."""
    assert 1 == mutant.occurrences(CHECKOUT), f"{mutant.file} has changed: mend {mutant.name} in table.toml"
    text = (CHECKOUT / mutant.file).read_text("utf-8")
    mutated = text.replace(mutant.was, mutant.became)
    assert ast.dump(ast.parse(text)) != ast.dump(ast.parse(mutated))
    for word in mutant.tests:
        path, _, name = word.partition("::")
        assert (CHECKOUT / path).exists(), f"{path} is gone"
        assert not name or f"def {name.partition('[')[0]}(" in Path(CHECKOUT / path).read_text("utf-8")
