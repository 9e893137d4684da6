"""Names of tables in manifests: each means one table, whatever its schema and name are made of."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storekeeper.backups.table_names import named_alike, table_name, table_of

NAMES = st.text(st.sampled_from('ab."ខ _-'), min_size=1, max_size=6)


@given(NAMES, NAMES)
def test_name_means_its_table(schema: str, table: str) -> None:
    """Schema and table come back as they were."""
    assert table_of(table_name(schema, table)) == (schema, table)


@given(st.sets(st.tuples(NAMES | st.just("public"), NAMES), max_size=6))
def test_no_two_tables_have_one_name(tables: set[tuple[str, str]]) -> None:
    """So none is counted for another."""
    assert len({table_name(*table) for table in tables}) == len(tables)


@pytest.mark.parametrize(
    ("name", "present", "table"),
    [
        ("app_order", (), ("public", "app_order")),
        ("reports.days", (), ("reports", "days")),
        ("legacy.items", {("public", "legacy.items")}, ("public", "legacy.items")),
        ("a.b.c", {("a.b", "c")}, ("a.b", "c")),
        ("a.b.c", {("a", "b.c")}, ("a", "b.c")),
        ('"legacy.items"', {("legacy", "items")}, ("public", "legacy.items")),
    ],
)
def test_older_names_are_read_by_what_is_there(
    name: str, present: set[tuple[str, str]], table: tuple[str, str]
) -> None:
    """They quoted nothing."""
    assert table_of(name, present=present) == table


def test_older_names_are_compared_with_newer_ones() -> None:
    """A manifest of before and the tables of now agree."""
    assert {'"legacy.items"': 1, "days": 2} == named_alike(
        {"legacy.items": 1, "days": 2}, found={'"legacy.items"', "days"}
    )
