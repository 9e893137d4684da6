"""Certificates made by openssl, and a server that answers with a word."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from storekeeper.web.guard import Guard, WebConfigFile
from storekeeper.web.listen import parse_listen_address
from storekeeper.web.serve import WebServer
from storekeeper.web.tls import RenewingContext


@pytest.fixture
def certificate(tmp_path: Path) -> Callable[..., tuple[Path, Path]]:
    """Make ``NAME.crt`` and ``NAME.key`` for localhost, signed by themselves; a second call renews them."""

    def make(name: str = "shop", *, common_name: str = "localhost") -> tuple[Path, Path]:
        paths = tmp_path / f"{name}.crt", tmp_path / f"{name}.key"
        subprocess.run(
            [
                *(
                    "openssl",
                    "req",
                    "-x509",
                    "-newkey",
                    "ec",
                    "-pkeyopt",
                    "ec_paramgen_curve:P-256",
                    "-nodes",
                ),
                *("-subj", f"/CN={common_name}", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
                *("-days", "2", "-out", str(paths[0]), "-keyout", str(paths[1])),
            ],
            check=True,
            capture_output=True,
        )
        return paths

    return make


@pytest.fixture
def serve() -> Iterator[Callable[[Path | None], WebServer]]:
    """Start guarded servers for web config files; all are stopped at the end."""
    servers = []

    async def hello(_: Request) -> PlainTextResponse:
        return PlainTextResponse("hello")

    def start(web_config: Path | None) -> WebServer:
        file = WebConfigFile(web_config)
        tls = file.config.tls_server_config
        app: Any = Guard(Starlette(routes=[Route("/", hello)]), file=file)
        server = WebServer(
            app,
            listen=[parse_listen_address("127.0.0.1:0")],
            tls=RenewingContext(tls).front if tls else None,
        )
        servers.append(server)
        server.start()
        return server

    yield start
    for server in servers:
        server.stop()
