"""The exporter as a service: config, measurements, web server, and an orderly end."""

import gc
import logging
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from exporter.measuring import Measuring
from exporter.reload import Reloading
from exporter.server import make_app
from exporter.textfile import write_textfile
from storekeeper.config import Config, load_config
from storekeeper.shop import ShopDescription
from storekeeper.web.guard import Guard, WebConfigFile
from storekeeper.web.listen import ListenAddress, parse_listen_address
from storekeeper.web.serve import WebServer
from storekeeper.web.tls import RenewingContext

logger = logging.getLogger(__name__)

# How long a thread that computes keeps a scrape waiting each time that it needs the interpreter. Python's own
# 5 ms add up to a tenth of a second while files are compared with rows; with this it measured half of that.
SWITCH_SECONDS: Final = 0.0005


class Exporter:
    """
    The whole service; ``listen`` empty means the address in the config.

    ``describe`` asks the shop of a config about itself; it may start a process and may raise ShopError.
    Raises ConfigurationError for a config, a web config or an address that cannot be used.
    """

    def __init__(
        self,
        config_file: Path,
        *,
        describe: Callable[[Config], ShopDescription],
        listen: Sequence[str] = (),
        web_config_file: Path | None = None,
        telemetry_path: str = "/metrics",
    ) -> None:
        self.reloading = Reloading(
            config_file,
            make=lambda config: Measuring(config, describe=lambda: describe(config), keep_state=True),
        )
        web_config = WebConfigFile(web_config_file)
        config = self.reloading.current().config
        addresses = [parse_listen_address(text) for text in listen or (config.exporter.listen,)]
        warn_if_open(addresses, authenticated=bool(web_config.config.basic_auth_users))
        tls = web_config.config.tls_server_config
        app = make_app(self.reloading.current, telemetry_path=telemetry_path, reloaded=self.reloading.status)
        self.web = WebServer(
            Guard(app, file=web_config), listen=addresses, tls=RenewingContext(tls).front if tls else None
        )

    def start(self) -> None:
        """Measure and serve beside the caller; returns when requests are answered."""
        self.reloading.start()
        self.web.start()

    def stop(self) -> None:
        """Answer the open requests and end."""
        self.reloading.stop()
        self.web.stop()

    def run(self) -> None:
        """Measure and serve until SIGTERM or SIGINT; SIGHUP has the config read again."""
        keep_what_is_loaded()
        sys.setswitchinterval(SWITCH_SECONDS)
        self.reloading.start()
        reload_on_hangup(self.reloading)
        logger.info("listening on port %s (%s)", ", ".join(map(str, self.web.ports)), self.web.scheme)
        self.web.run(on_signal=lambda _: self.reloading.stop())
        self.reloading.stop()
        logger.info("stopped")


def run_exporter(
    config_file: Path,
    *,
    describe: Callable[[Config], ShopDescription],
    listen: Sequence[str] = (),
    web_config_file: Path | None = None,
    telemetry_path: str = "/metrics",
    textfile: Path | None = None,
) -> None:
    """
    Run the exporter until SIGTERM or SIGINT, or, with ``textfile``, write one page there and return.

    See Exporter for the rest.
    """
    if textfile is not None:
        config = load_config(config_file)
        write_textfile(textfile, measuring=Measuring(config, describe=lambda: describe(config)))
        return
    Exporter(
        config_file,
        describe=describe,
        listen=listen,
        web_config_file=web_config_file,
        telemetry_path=telemetry_path,
    ).run()


def warn_if_open(addresses: Sequence[ListenAddress], *, authenticated: bool) -> None:
    """Say so when other machines can read the metrics without a password."""
    for address in addresses:
        if not address.is_loopback and not authenticated:
            logger.warning(
                "%s can be read from other machines without a password; --web.config.file sets users and TLS",
                address,
            )


def keep_what_is_loaded() -> None:
    """
    Have the garbage collector pass over all that is in memory now: the modules, which stay to the end.

    To look through them takes it some thirty milliseconds, in which no scrape is answered.
    """
    gc.collect()
    gc.freeze()


def reload_on_hangup(reloading: Reloading) -> None:
    """Read the config again on SIGHUP, where the system has it and we are the main thread."""
    if hasattr(signal, "SIGHUP") and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGHUP, lambda _number, _frame: reloading.ask())
