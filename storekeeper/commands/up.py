"""``storekeeper up``: the whole loop for one shop, or for the sample shop with ``--demo``."""

import shutil
import signal
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from types import FrameType

import click

from storekeeper.commands.common import config_option
from storekeeper.commands.init import write_config
from storekeeper.config import Config, load_config
from storekeeper.config.running_loop import announced
from storekeeper.config_file import FILE_NAME, find_config
from storekeeper.errors import ConfigurationError, StorekeeperError
from storekeeper.stack.demonstration import DemonstrationShop
from storekeeper.stack.display import Display
from storekeeper.stack.loop import DEMONSTRATION_PACE, SERVICE_PACE, Loop
from storekeeper.stack.observe import Observation, Observer
from storekeeper.stack.services import Services

DEMONSTRATION_FOLDER = Path("storekeeper-demo")
_LOOK_SECONDS = 1.0
# A loop that has not closed by then will not.
_STORY_SECONDS = 240.0


@click.command()
@click.option("--demo", is_flag=True, help="Make a sample shop and show the loop on it.")
@click.option(
    "--project",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="The folder of the shop's manage.py; its storekeeper.yml is written when there is none.",
)
@click.option(
    "--state",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where generated files, data and logs go.",
)
@click.option("--exit", "exit_after", is_flag=True, help="With --demo: end when the loop has closed once.")
@config_option
def up(
    demo: bool, project: Path | None, state: Path | None, exit_after: bool, config_file: Path | None
) -> None:
    """Run exporter, receiver, Prometheus and Alertmanager together for one config, wired and watched."""
    if demo and (project or config_file):
        raise click.UsageError("--demo makes its own shop: leave --project and --config.file away")
    if exit_after and not demo:
        raise click.UsageError("--exit belongs to --demo")
    # A service manager's stop is a person's Ctrl-C.
    signal.signal(signal.SIGTERM, _interrupt)
    with Display() as display:
        try:
            if demo:
                _demonstrate(display, folder=state or DEMONSTRATION_FOLDER, exit_after=exit_after)
            else:
                _serve(display, config_file=_config_of(project, config_file), state=state)
        except KeyboardInterrupt:
            display.say("stopped")


def _serve(display: Display, *, config_file: Path, state: Path | None) -> None:
    config = load_config(config_file)
    loop = Loop(config_file, state=state or config.state / "loop", pace=SERVICE_PACE)
    loop.prepare()
    with _announced(config, loop), Services(loop.services(), folder=_logs(loop)) as services:
        observer = _started(display, loop)
        while True:
            _look(display, observer, services)


def _demonstrate(display: Display, *, folder: Path, exit_after: bool) -> None:
    folder = folder.absolute()
    if folder.exists():
        if any(folder.iterdir()) and not (folder / FILE_NAME).is_file():
            raise ConfigurationError(
                f"{folder} is not a demonstration of storekeeper; choose another --state"
            )
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    config_file = folder / FILE_NAME
    # Marks the folder as ours from the first moment, also for a run that is stopped while it builds.
    config_file.touch()
    display.say("making a sample shop: a Django project with orders, images and logs")
    shop = DemonstrationShop(folder)
    shop.build()
    loop = Loop(config_file, state=folder / "loop", pace=DEMONSTRATION_PACE)
    limit = shop.write_config(config_file, state=folder / "state", token_file=loop.token_file)
    loop.prepare()
    with (
        _announced(load_config(config_file), loop),
        Services(loop.services(), folder=_logs(loop)) as services,
    ):
        observer = _started(display, loop)
        _wait_for(display, observer, services, what=_measured, name="the first measurement")
        display.say(f"shop    {shop.add_expired_codes(limit)}")
        _wait_for(display, observer, services, what=_alarmed, name="StorageUsageWarning for media")
        _wait_for(display, observer, services, what=_closed, name="the end of StorageUsageWarning for media")
        display.say("the loop has closed: measured, warned, acted, resolved")
        if exit_after:
            return
        display.say(f"see what ran: storekeeper runs --config.file {config_file}")
        while True:
            _look(display, observer, services)


def _announced(config: Config, loop: Loop) -> AbstractContextManager[None]:
    """Let the receiver, the report and the checklist know of the Prometheus and the Alertmanager."""
    addresses = loop.addresses
    return announced(config, prometheus=addresses.prometheus, alertmanager=addresses.alertmanager)


def _started(display: Display, loop: Loop) -> Observer:
    addresses = loop.addresses
    display.say("everything runs; open one of these in a browser:")
    for name, url in (
        ("Prometheus", f"{addresses.prometheus}/alerts"),
        ("Alertmanager", addresses.alertmanager),
        ("exporter", f"{addresses.exporter}/metrics"),
        ("receiver", f"{addresses.receiver}  (token in {loop.token_file})"),
    ):
        display.say(f"  {name:<13} {url}")
    token = loop.token_file.read_text("utf-8").strip()
    return Observer(prometheus=addresses.prometheus, receiver=addresses.receiver, token=token)


def _look(display: Display, observer: Observer, services: Services) -> Observation:
    services.check()
    observation = observer.look()
    display.show(observation)
    time.sleep(_LOOK_SECONDS)
    return observation


def _wait_for(
    display: Display,
    observer: Observer,
    services: Services,
    *,
    what: Callable[[Observation], bool],
    name: str,
) -> None:
    deadline = time.monotonic() + _STORY_SECONDS
    while not what(_look(display, observer, services)):
        if time.monotonic() > deadline:
            raise StorekeeperError(f"{name} did not come within {_STORY_SECONDS:g} seconds")


def _measured(observation: Observation) -> bool:
    return any(usage.resource == "media" for usage in observation.usage)


def _alarmed(observation: Observation) -> bool:
    return _media_warning(observation) == "firing"


def _closed(observation: Observation) -> bool:
    cleaned = any(
        run["state"] == "done" and any(step["action"] == "cleanup_expired_qr_codes" for step in run["steps"])
        for run in observation.runs
    )
    return cleaned and _media_warning(observation) == ""


def _media_warning(observation: Observation) -> str:
    states = [
        alert.state
        for alert in observation.alerts
        if alert.name == "StorageUsageWarning" and alert.resource == "media"
    ]
    return states[0] if states else ""


def _config_of(project: Path | None, config_file: Path | None) -> Path:
    """Give the config to run; a project that has none gets one written."""
    if project is None or config_file is not None:
        return find_config(config_file)
    path = project / FILE_NAME
    if not path.exists():
        write_config(project=project, python=None, settings=None, output=path)
        click.echo(f"wrote {path}")
    return path


def _logs(loop: Loop) -> Path:
    return loop.token_file.parent / "logs"


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
