"""What the search for breaking inputs found stays mended, and a short search of another kind goes on."""

import importlib.util
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

HERE = Path(__file__).parent
CORPUS = sorted((HERE / "corpus").glob("*/*"))
Targets = Mapping[str, Callable[[bytes], None]]
SHORT = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(scope="module")
def module() -> ModuleType:
    """The module with the targets."""
    spec = importlib.util.spec_from_file_location("fuzz_targets", HERE / "targets.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["fuzz_targets"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def targets(module: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Targets]:
    """The targets, with one application for all tests."""
    yield module.targets(tmp_path_factory.mktemp("fuzz"))


@pytest.mark.parametrize("file", CORPUS, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_corpus_breaks_nothing(targets: Targets, file: Path) -> None:
    """Each kept input keeps every promise of its target."""
    targets[file.parent.name](file.read_bytes())


def test_corpus_has_inputs_for_every_target(targets: Targets) -> None:
    """No target is forgotten."""
    assert set(targets) == {file.parent.name for file in CORPUS}


HEADERS = st.sampled_from(
    [
        b"content-type: application/json",
        b"content-type: application/x-www-form-urlencoded",
        b"authorization: Basic YTpi",
        b"authorization: Bearer \xff",
        b"origin: http://localhost",
        b"origin: null",
        b"host: [",
        b"content-length: 99999999999999999999",
        b"accept: */*;q=a",
    ]
)
BODIES = st.binary(max_size=200) | st.sampled_from(
    [file.read_bytes() for file in CORPUS if file.parent.name == "payload"]
)


@SHORT
@given(
    st.integers(0, 6),
    st.integers(0, 9),
    st.text(max_size=20),
    st.text(max_size=20),
    st.lists(HEADERS),
    BODIES,
)
def test_no_request_breaks_the_application(
    targets: Targets, method: int, path: int, more: str, query: str, headers: list[bytes], body: bytes
) -> None:
    """Whatever is asked, the answer comes, is no 5xx, and a refusal leaves the ledger as it was."""
    parts = [more.encode("utf-8", "replace"), query.encode("utf-8", "replace"), b"\n".join(headers), body]
    targets["application"](bytes([method, path]) + b"\xff\xff".join(parts))


@SHORT
@given(
    st.sampled_from([file.read_bytes() for file in CORPUS if file.parent.name == "http"]),
    st.lists(st.tuples(st.integers(0, 500), st.binary(max_size=4)), max_size=4),
)
def test_no_damaged_request_breaks_the_protocol(
    targets: Targets, request_bytes: bytes, damages: list[tuple[int, bytes]]
) -> None:
    """A real request with some bytes replaced is answered or hung up on, without an exception."""
    damaged = bytearray(request_bytes)
    for place, other in damages:
        damaged[place : place + len(other)] = other
    targets["http"](bytes(damaged))


@SHORT
@given(
    st.text(max_size=300) | st.sampled_from(["*a", "<<: *a", "[[[[", "{{{{", "!!python/object:os.system a"])
)
def test_no_web_config_breaks_the_parser(targets: Targets, text: str) -> None:
    """A text is a web config, or a ConfigurationError says what is wrong."""
    targets["web_config"](text.encode("utf-8", "replace"))
    targets["web_config"](f"basic_auth_users: {text}".encode("utf-8", "replace"))
