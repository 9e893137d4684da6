"""Which backups fit together: rows first, then files as new as they are; what does not fit is said."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.recovery.backup_set import NoWholeSet, choose_set, moment_of
from storekeeper.backups import Manifest

DAY = dt.timedelta(days=1)
BEGIN = dt.datetime(2026, 3, 1, 3, 0, tzinfo=dt.UTC)


def rows(days: float, *, verified: bool = True, form: str = "json", **more: object) -> Manifest:
    """Return the manifest of a backup of rows, so many days after the first."""
    return _manifest("database", days, verified=verified, format=form, database="default", **more)


def files(days: float, *, verified: bool = True, **more: object) -> Manifest:
    """Return the manifest of a backup of files."""
    return _manifest("media", days, verified=verified, format="tar", area="media", **more)


def _manifest(kind: str, days: float, *, verified: bool, **more: object) -> Manifest:
    created = BEGIN + days * DAY
    said = {
        "file": f"{kind} {days} {more.get('format')}",
        "kind": kind,
        "created": created,
        "verified": created if verified else None,
        "sha256": "",
        "size_bytes": 1,
        "engine": "sqlite" if kind == "database" else "",
        **more,
    }
    return Manifest.model_validate(said)


def chosen(*manifests: Manifest, **options: object) -> tuple[list[str], tuple[str, ...]]:
    """Return the files that are chosen, and what is said about them."""
    wanted = {"engines": {"default": "sqlite"}, "areas": ["media"], **options}
    found = choose_set(manifests, **wanted)  # type: ignore[arg-type]
    return [one.file for one in found.all], found.notes


def test_the_newest_rows_with_the_first_files_after_them() -> None:
    """Files that are as new as the rows have each file that they name; later ones may lack some again."""
    found, notes = chosen(rows(0), rows(5), files(0.5), files(5.1), files(6))
    assert found == [rows(5).file, files(5.1).file]
    assert notes == ()


def test_files_that_are_older_than_the_rows_are_told() -> None:
    """Rows count for more: the newest come back, and what their files may lack is said."""
    found, notes = chosen(rows(5), files(0.5))
    assert found == [rows(5).file, files(0.5).file]
    assert "4 days older than the rows" in notes[0]


def test_what_was_never_verified_or_has_failed_does_not_count() -> None:
    """That it is newer is said, and why it is not taken; --unverified takes the former, never the latter."""
    never, bad = rows(3, verified=False), rows(4, verified=False, verification_error="differs")
    found, notes = chosen(rows(1), never, bad, files(1.1))
    assert found[0] == rows(1).file
    assert f"{bad.file} is newer and is not taken: differs" in notes[0]
    assert chosen(rows(1), never, bad, files(3.1), unverified=True)[0][0] == never.file


def test_nothing_after_the_moment_is_taken() -> None:
    """Neither rows nor files."""
    found, _ = chosen(rows(1), rows(2), files(1.1), files(2.1), at=BEGIN + 1.5 * DAY)
    assert found == [rows(1).file, files(1.1).file]


def test_a_native_backup_of_the_same_run_holds_more() -> None:
    """Of another engine it is of no use."""
    native = rows(1, form="native")
    assert chosen(rows(1.001), native, files(1.1))[0][0] == native.file
    other = rows(1, form="native", engine="postgresql")
    assert chosen(rows(0.9), other, files(1.1))[0][0] == rows(0.9).file


def test_what_has_no_backup_is_named() -> None:
    """All of it, in one message."""
    with pytest.raises(NoWholeSet, match=r"default has no backup; area media has no verified backup"):
        chosen(files(1, verified=False))


@given(
    st.lists(st.tuples(st.integers(0, 9), st.booleans()), max_size=6),
    st.lists(st.tuples(st.integers(0, 9), st.booleans()), max_size=6),
)
def test_a_set_is_whole_verified_and_the_newest(
    of_rows: list[tuple[int, bool]], of_files: list[tuple[int, bool]]
) -> None:
    """Whatever is there: no verified rows are newer than those chosen, and files older only where all are."""
    manifests = [rows(day, verified=good) for day, good in of_rows]
    manifests += [files(day, verified=good) for day, good in of_files]
    good_rows = [day for day, good in of_rows if good]
    good_files = [day for day, good in of_files if good]
    if not (good_rows and good_files):
        with pytest.raises(NoWholeSet):
            chosen(*manifests)
        return
    found = choose_set(manifests, engines={"default": "sqlite"}, areas=["media"])
    assert all(one.verified for one in found.all)
    newest = BEGIN + max(good_rows) * DAY
    assert moment_of(found.databases[0]) == newest
    older = found.areas[0].created < newest
    assert older == all(day < max(good_rows) for day in good_files)
    assert bool(found.notes) >= older
