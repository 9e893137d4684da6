"""The config: read, checked as a whole, and every problem told at once."""

import contextlib
import platform
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from storekeeper.config import Config, load_config, parse_config
from storekeeper.config_file import find_config
from storekeeper.errors import ConfigurationError
from storekeeper.units import Age

MINIMAL = "shop: madamda\nproject: .\n"


def parse(text: str, folder: Path, **environment: str) -> Config:
    return parse_config(text, name="storekeeper.yml", folder=folder, environment=environment)


def problems(text: str, folder: Path, **environment: str) -> tuple[str, ...]:
    with pytest.raises(ConfigurationError) as caught:
        parse(text, folder, **environment)
    assert 2 == caught.value.exit_code
    return caught.value.problems or (caught.value.message,)


def test_defaults_are_the_guides(tmp_path: Path) -> None:
    """A config that says nothing keeps 7 daily, 4 weekly and 12 monthly backups and logs for 3 months."""
    config = parse(MINIMAL, tmp_path)
    assert (7, 4, 12) == (config.backups.keep.daily, config.backups.keep.weekly, config.backups.keep.monthly)
    assert Age(months=3) == config.logs.keep
    assert 10_000_000 == config.large_files.over
    assert tmp_path / "backups" == config.backups.path


def test_relative_paths_count_from_the_project(tmp_path: Path) -> None:
    """An area, and a project named relative to the file, become absolute; Khmer names stay."""
    (tmp_path / "ហាង").mkdir()
    config = parse("shop: s\nproject: ហាង\nareas: {media: {path: មេឌា}, other: {path: /srv/x}}\n", tmp_path)
    assert tmp_path / "ហាង" / "មេឌា" == config.areas["media"].path
    assert Path("/srv/x") == config.areas["other"].path


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    """Each problem is one line with its key, the value and what to write; all come together."""
    text = """
shop: madamda
project: .
pyhton: x
databases: {default: {django: default, limit: 100XB}, both: {django: a, url: "sqlite:///x"}}
areas: {media: {path: media, limt: 500MB, groups: {up: ../x}}}
qr_codes: {payment: {model: app.OrderQRCode, keep: 7}}
backups: {keep: {daily: -1}}
"""
    told = problems(text, tmp_path)
    expected = [
        "databases.default.limit: '100XB': write a size such as 100MB, 1GiB or a number of bytes",
        "areas.media.groups.up: '../x': write a path below the area, such as qr_codes",
        "areas.media.limt: no such key; did you mean limit?",
        "qr_codes.payment.keep: 7: write an age with its unit, such as 1h, 7d, 4 weeks or 3 months",
        "pyhton: no such key; did you mean python?",
    ]
    assert [] == [line for line in expected if line not in told]
    assert any(line.startswith("databases.both:") and "exactly one" in line for line in told)
    assert any(line.startswith("backups.keep.daily: -1:") for line in told)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("shop: [", "line 1"),
        ("a: 1\na: 2", "second time"),
        ("", "mapping"),
        ("- x", "mapping"),
        ("shop: !!python/object/apply:os.system [true]", "not valid YAML"),
        ("? [a]\n: b", "key cannot be"),
        ("shop: x\nproject: [1]", "write a path"),
        ("shop: x\nproject: /nowhere/at/all", "no such folder"),
        ("shop: x\nproject: .\nareas: {media: {path: /}}", "too wide"),
        ("shop: x\nproject: .\nareas: {media: {path: .}}", "whole project"),
        (
            "shop: x\nproject: .\nareas: {media: {path: media}}\nbackups: {path: media/b}",
            "inside areas.media",
        ),
        ("shop: x\nproject: .\nqr_codes: {t: {pattern: 'q/*'}}", "no such area"),
        ("shop: x\nproject: .\nbackups: {keep: {daily: 0, weekly: 0, monthly: 0}}", "remove every backup"),
    ],
)
def test_bad_config_is_refused_clearly(text: str, word: str, tmp_path: Path) -> None:
    """What cannot be used is named; nothing is executed or guessed."""
    assert any(word in line for line in problems(text, tmp_path)), problems(text, tmp_path)


def test_unset_variables_are_told_and_set_ones_never_shown(tmp_path: Path) -> None:
    """``${NAME}`` is filled from the environment; an error shows the name, not what it stands for."""
    text = MINIMAL + "databases: {default: {url: '${SHOP_URL}', limit: '${LIMIT}'}}\n"
    assert "databases.default.url: the environment has no variable SHOP_URL" in problems(text, tmp_path)
    told = "\n".join(problems(text, tmp_path, SHOP_URL="postgresql://u:hush@h/d", LIMIT="much"))
    assert "hush" not in told
    assert "'${LIMIT}'" in told


@pytest.mark.parametrize(
    "text",
    [
        "databases: {default: 'postgresql://u:hush@h/d'}",
        "databases: {default: {url: ['postgresql://u:hush@h/d']}}",
        "backups: {offsite: 'sftp://u:hu@hush@h/d'}",
        "backups: {offsite: ['sftp//u:hush@h/d']}",
        f"backups: {{offsite: 'sftp://u:hush{'x' * 60}@h/d'}}",
    ],
)
def test_problems_show_no_password(text: str, tmp_path: Path) -> None:
    """A URL in the wrong place or form is shown without what stands before its at-sign."""
    told = problems(f"{MINIMAL}{text}\n", tmp_path)
    assert told
    assert "hush" not in "\n".join(told)


def test_password_is_in_no_representation(tmp_path: Path) -> None:
    """A URL with a password does not show in the config's own text."""
    text = MINIMAL + "databases: {default: {url: 'postgresql://u:hush@h/d'}}\n"
    assert "hush" not in repr(parse(text, tmp_path))


def test_config_is_found_in_the_documented_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given, then $STOREKEEPER_CONFIG, then the current folder, then beside manage.py."""
    here, beside, named = tmp_path / "here", tmp_path / "beside", tmp_path / "named.yml"
    for folder in (here, beside):
        folder.mkdir()
        (folder / "storekeeper.yml").write_text(MINIMAL)
    named.write_text(MINIMAL)
    monkeypatch.chdir(here)
    variable = {"STOREKEEPER_CONFIG": str(named)}
    assert named == find_config(named, environment={})
    assert named == find_config(None, environment=variable, beside=beside)
    assert Path("storekeeper.yml") == find_config(None, environment={}, beside=beside)
    (here / "storekeeper.yml").unlink()
    assert beside / "storekeeper.yml" == find_config(None, environment={}, beside=beside)
    with pytest.raises(ConfigurationError, match="storekeeper init"):
        find_config(None, environment={})


def test_unreadable_config_is_told(tmp_path: Path) -> None:
    """A file that is not UTF-8 is one clear message."""
    file = tmp_path / "storekeeper.yml"
    file.write_bytes(b"shop: \xff\xfe")
    with pytest.raises(ConfigurationError, match="UTF-8"):
        load_config(file)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner) | st.dictionaries(st.sampled_from(sorted(Config.model_fields)) | st.text(), inner)
        ),
        max_leaves=12,
    )
)
def test_no_document_breaks_the_reader(document: object) -> None:
    """Whatever the file holds, the answer is a config or a ConfigurationError."""
    with contextlib.suppress(ConfigurationError):
        parse(yaml.safe_dump(document, allow_unicode=True), Path(__file__).parent)


def test_wrong_kinds_are_told_in_the_words_of_yaml(tmp_path: Path) -> None:
    """A value that fits none of several kinds is told in one line; kinds are named as YAML names them."""
    text = MINIMAL + "disks: 5\nlarge_files: [1]\nbackups: 7\n"
    assert (
        "disks: 5: Input should be 'auto' or a list",
        "large_files: [1]: Input should be a mapping",
        "backups: 7: Input should be a mapping",
    ) == problems(text, tmp_path)


def test_host_is_the_machine_unless_it_is_named(tmp_path: Path) -> None:
    """The label of the disks: what the config says, or the name that the machine gives itself."""
    text = f"shop: sample\nproject: {tmp_path}\n"

    assert platform.node() == parse_config(text, name="x", folder=tmp_path).host
    assert (
        "web1.example.org" == parse_config(text + "host: web1.example.org\n", name="x", folder=tmp_path).host
    )
