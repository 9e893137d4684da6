"""Write the configs of the four services into a state folder and name their commands."""

import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from storekeeper.errors import ProcessFailed
from storekeeper.resources import resource
from storekeeper.stack.monitoring_files import alertmanager_configuration, prometheus_configuration
from storekeeper.stack.ports import HOST, PortClaims
from storekeeper.stack.rule_files import shorten
from storekeeper.stack.services import Service
from storekeeper.web.token_file import make_token_file


@dataclass(frozen=True, kw_only=True)
class Pace:
    """
    How often the loop looks and how long it waits, in seconds.

    ``hold_seconds`` caps every ``for`` of the rules; None leaves the rules as they are shipped. An alert that
    still fires is told again after ``repeat_interval_seconds``; None leaves that to the template.
    """

    interval_seconds: int
    group_wait_seconds: int
    group_interval_seconds: int
    hold_seconds: int | None
    repeat_interval_seconds: int | None = None


SERVICE_PACE = Pace(interval_seconds=15, group_wait_seconds=5, group_interval_seconds=60, hold_seconds=None)
# A new Prometheus scrapes for the first time after 5 seconds; no alert should fire for that.
DEMONSTRATION_PACE = Pace(interval_seconds=2, group_wait_seconds=1, group_interval_seconds=5, hold_seconds=8)


@dataclass(frozen=True, kw_only=True)
class Addresses:
    """The addresses of the four services, ``http://127.0.0.1:PORT``."""

    exporter: str
    receiver: str
    prometheus: str
    alertmanager: str


class Loop:
    """The loop for one config: measure, warn, act. ``state`` holds everything that it writes."""

    def __init__(self, config_file: Path, *, state: Path, pace: Pace) -> None:
        self._config_file = config_file.absolute()
        self._state = state.absolute()
        self._pace = pace
        self.token_file = self._state / "token"
        self._ports = PortClaims()
        self.addresses = Addresses(
            exporter=self._address(9731),
            receiver=self._address(9732),
            prometheus=self._address(9090),
            alertmanager=self._address(9093),
        )

    def prepare(self) -> None:
        """Write token, rules and configs; an existing token stays."""
        self._state.mkdir(parents=True, exist_ok=True, mode=0o700)
        make_token_file(self.token_file)
        rules = self._state / "rules"
        rules.mkdir(exist_ok=True)
        for stale in rules.glob("*.yml"):
            stale.unlink()
        for source in sorted(resource("alert_rules").glob("*.yml")):
            text = source.read_text("utf-8")
            if self._pace.hold_seconds is not None:
                text = shorten(text, hold_seconds=self._pace.hold_seconds)
            (rules / source.name).write_text(text, "utf-8")
        self._write("prometheus.yml", self._prometheus())
        self._write("alertmanager.yml", self._alertmanager())

    def services(self) -> Sequence[Service]:
        """Give the four services, each with its command."""
        addresses = self.addresses
        storekeeper = [sys.executable, "-P", "-m", "storekeeper"]
        config = ["--config.file", str(self._config_file)]
        return (
            Service(
                name="exporter",
                arguments=[
                    *storekeeper, "exporter", *config, "--web.listen-address", _listen(addresses.exporter)
                ],
                url=addresses.exporter,
            ),
            Service(
                name="receiver",
                arguments=[
                    *storekeeper, "receiver", *config, "--web.listen-address", _listen(addresses.receiver),
                    "--web.token-file", str(self.token_file),
                ],
                url=addresses.receiver,
            ),
            Service(
                name="alertmanager",
                arguments=[
                    find_program("prometheus-alertmanager", "alertmanager"),
                    f"--config.file={self._state / 'alertmanager.yml'}",
                    f"--storage.path={self._state / 'alertmanager-data'}",
                    f"--web.listen-address={_listen(addresses.alertmanager)}",
                    "--cluster.listen-address=",
                ],
                url=addresses.alertmanager,
            ),
            Service(
                name="prometheus",
                arguments=[
                    find_program("prometheus"),
                    f"--config.file={self._state / 'prometheus.yml'}",
                    f"--storage.tsdb.path={self._state / 'prometheus-data'}",
                    f"--web.listen-address={_listen(addresses.prometheus)}",
                    # Growth is compared with the month before.
                    "--storage.tsdb.retention.time=90d",
                ],
                url=addresses.prometheus,
            ),
        )  # fmt: skip

    def _prometheus(self) -> dict[str, Any]:
        template = yaml.safe_load(resource("deploy/prometheus/prometheus.yml").read_text("utf-8"))
        configuration: dict[str, Any] = prometheus_configuration(
            template,
            exporter=_listen(self.addresses.exporter),
            receiver=_listen(self.addresses.receiver),
            alertmanager=_listen(self.addresses.alertmanager),
            rule_files=[str(self._state / "rules" / "*.yml")],
            interval_seconds=self._pace.interval_seconds,
            receiver_credentials_file=str(self.token_file),
        )
        return configuration

    def _alertmanager(self) -> dict[str, Any]:
        template = yaml.safe_load(resource("deploy/alertmanager/alertmanager.yml").read_text("utf-8"))
        configuration: dict[str, Any] = alertmanager_configuration(
            template,
            webhook_url=f"{self.addresses.receiver}/api/v1/alerts",
            credentials_file=str(self.token_file),
            group_wait_seconds=self._pace.group_wait_seconds,
            group_interval_seconds=self._pace.group_interval_seconds,
            repeat_interval_seconds=self._pace.repeat_interval_seconds,
        )
        return configuration

    def _address(self, wanted_port: int) -> str:
        return f"http://{HOST}:{self._ports.claim(wanted_port)}"

    def _write(self, name: str, document: dict[str, Any]) -> None:
        text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
        (self._state / name).write_text(text, "utf-8")


def find_program(*names: str) -> str:
    """Give the path of the first of these programs that is installed; raises ProcessFailed."""
    for name in names:
        if path := shutil.which(name):
            return path
    raise ProcessFailed(
        f"{names[0]} is not installed",
        hint="On Debian and Ubuntu: apt-get install prometheus prometheus-alertmanager",
    )


def _listen(address: str) -> str:
    return address.removeprefix("http://")
