"""Any order of notifications, ends of runs and waiting keeps the promises about episodes."""

import datetime as dt
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from actions.ledger.file import LedgerFile
from actions.ledger.ledger import Ledger
from actions.ledger.schema import RunState
from actions.receiver.episodes import Verdict
from actions.receiver.intake import Intake
from actions.receiver.payload import Alert, Message, Status
from storekeeper.config import Area, Config, Playbook, Step

COOLDOWN_SECONDS = 3600
RUNS_PER_DAY = 3
PLAYBOOK = Playbook(alert="Full", steps=(Step(action="clean"),), cooldown="1h", runs_per_day=RUNS_PER_DAY)
FINGERPRINTS = ("a", "b")
RESOURCES = ("media", "logs")


class Episodes(RuleBasedStateMachine):
    """An intake on a real ledger, and what must have happened told by a model beside it."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        project = Path(self.folder.name)
        self.moment = dt.datetime(2026, 5, 3, tzinfo=dt.UTC)
        self.file = LedgerFile(project / "state")
        self.ledger = Ledger(self.file, now=lambda: self.moment)
        config = Config(
            shop="s",
            host="machine",
            project=project,
            state=project / "state",
            areas={name: Area(path=project / name) for name in RESOURCES},
        )
        self.intake = Intake(self.file, config=config, playbooks={"clean": PLAYBOOK}, now=lambda: self.moment)
        self.open_run: dict[str, str] = {}
        self.starts: dict[str, list[float]] = {name: [] for name in RESOURCES}
        self.run_ended: dict[str, float] = {}

    def send(self, status: Status, fingerprint: str, resource: str) -> tuple[Verdict, tuple[str, ...]]:
        alert = Alert(
            status=status,
            fingerprint=f"{fingerprint}{RESOURCES.index(resource)}",
            labels={"alertname": "Full", "resource": resource, "shop": "s", "replica": fingerprint},
        )
        taken = self.intake.take(Message(alerts=(alert,)))
        return taken.verdicts[0], taken.runs

    @rule(fingerprint=st.sampled_from(FINGERPRINTS), resource=st.sampled_from(RESOURCES))
    def fire(self, fingerprint: str, resource: str) -> None:
        """A firing notification starts a run only where every promise allows it."""
        now = self.moment.timestamp()
        of_day = [start for start in self.starts[resource] if start > now - 86400]
        last = self.run_ended.get(resource)
        allowed = (
            resource not in self.open_run
            and len(of_day) < RUNS_PER_DAY
            and (last is None or now - last >= COOLDOWN_SECONDS)
        )
        verdict, runs = self.send(Status.FIRING, fingerprint, resource)
        assert allowed == (verdict is Verdict.RUN)
        assert (1 if allowed else 0) == len(runs)
        if allowed:
            self.open_run[resource] = runs[0]
            self.starts[resource].append(now)

    @rule(fingerprint=st.sampled_from(FINGERPRINTS), resource=st.sampled_from(RESOURCES))
    def resolve(self, fingerprint: str, resource: str) -> None:
        """A resolved notification starts nothing."""
        _, runs = self.send(Status.RESOLVED, fingerprint, resource)
        assert () == runs

    @rule(resource=st.sampled_from(RESOURCES), well=st.booleans())
    def end_run(self, resource: str, well: bool) -> None:
        """The open run of a resource ends."""
        run = self.open_run.pop(resource, None)
        if run is not None:
            self.ledger.end_run(run, state=RunState.DONE if well else RunState.FAILED)
            self.run_ended[resource] = self.moment.timestamp()

    @rule(minutes=st.sampled_from([1, 30, 61, 600, 1500]))
    def wait(self, minutes: int) -> None:
        """Time passes."""
        self.moment += dt.timedelta(minutes=minutes)

    @invariant()
    def one_open_run_per_resource(self) -> None:
        """The ledger's open runs are the model's."""
        found = {run.resource: run.id for run in self.ledger.runs_in(RunState.ACCEPTED)}
        assert self.open_run == found

    def teardown(self) -> None:
        self.file.close()
        self.folder.cleanup()


TestEpisodes = Episodes.TestCase
TestEpisodes.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
