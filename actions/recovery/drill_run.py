"""One drill: fetch a set, restore it into a scratch place, and ask everything that can be asked of it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from actions.action import Context, Progress
from actions.backups.damage import NotProved
from actions.backups.media_contents import write_contents
from actions.backups.trial_restore import try_restore
from actions.offsite.place import OffsitePlace
from actions.recovery import sql_checks
from actions.recovery.area_compare import compare_area
from actions.recovery.backup_set import BackupSet, NoWholeSet
from actions.recovery.checks import Verdict
from actions.recovery.evidence import Evidence
from actions.recovery.fetching import fetch_set, repository_passwords
from actions.recovery.named_files import look_for_named_files
from actions.scope import Database
from storekeeper.backups import Backup
from storekeeper.databases import DatabaseAddress
from storekeeper.encryption import Identities
from storekeeper.errors import StorekeeperError
from storekeeper.files import require_free_bytes
from storekeeper.files.private import make_private_folder
from storekeeper.files.staged_folder import remove_tree
from storekeeper.shop import ShopDescription
from storekeeper.units import format_length

SET: Final = "a whole set"
FETCHED: Final = "the copies are whole"
FILES: Final = "files that rows name"
SYSTEM_CHECK: Final = "manage.py check"
PAGE: Final = "page"
RTO: Final = "objective rto"
RPO: Final = "objective rpo"


def planned_checks(context: Context, *, databases: Sequence[Database], areas: Sequence[str]) -> list[str]:
    """Return the names of all checks that a drill must have made to have an answer."""
    recovery = context.config.recovery
    names = [SET, FETCHED]
    names += [area_check(name) for name in areas]
    names += [database_check(one.name) for one in databases]
    if databases:
        names.append(FILES)
    if any(one.alias for one in databases):
        names += [SYSTEM_CHECK, *([PAGE] if recovery.page else [])]
    names += [f"{sql_checks.NAME}{check.name}" for check in recovery.checks]
    return [*names, RTO, RPO]


def database_check(name: str) -> str:
    """Return the name of the check of one database."""
    return f"database {name}"


def area_check(name: str) -> str:
    """Return the name of the check of one area."""
    return f"area {name}"


class DrillRun:
    """Goes through a drill and notes in ``evidence`` what it finds; errors of one part end that part."""

    def __init__(
        self,
        context: Context,
        *,
        place: OffsitePlace,
        url: str,
        identities: Identities | None,
        databases: Sequence[Database],
        description: ShopDescription,
        evidence: Evidence,
    ) -> None:
        self._context = context
        self._place, self._url, self._identities = place, url, identities
        self._databases = databases
        self._description = description
        self._evidence = evidence
        self._folder = scratch_folder(context)
        self._roots: dict[str, Path] = {}
        self._restored: dict[str, DatabaseAddress] = {}
        self._migrations: dict[str, list[str]] = {}

    def perform(self, chosen: BackupSet) -> None:
        """Do it all; the scratch place is empty before and after."""
        remove_tree(self._folder)
        make_private_folder(self._folder)
        try:
            backups: dict[str, Backup] = {}
            with self._part(FETCHED, stage="fetch"):
                backups = fetch_set(
                    self._context,
                    self._place,
                    chosen,
                    url=self._url,
                    into=self._folder / "fetched",
                    identities=self._identities,
                )
                self._evidence.add(
                    FETCHED, Verdict.VERIFIED, f"{len(backups)} files have the sums of their manifests"
                )
            if not backups:
                return
            for manifest in chosen.areas:
                self._restore_area(backups[manifest.file])
            self._restore_databases([backups[one.file] for one in chosen.databases])
            self._judge_objectives(chosen)
        finally:
            remove_tree(self._folder)

    @contextmanager
    def _part(self, name: str, *, stage: str) -> Iterator[None]:
        """Measure a part; what it raises becomes its verdict, and other parts go on."""
        try:
            with self._evidence.stages.stage(stage):
                yield
        except StorekeeperError as error:
            self._note_error(name, error)

    def _note_error(self, name: str, error: StorekeeperError) -> None:
        # What cannot be tried proves nothing against a backup, and nothing for it.
        failed = isinstance(error, NotProved | NoWholeSet)
        self._evidence.add(name, Verdict.FAILED if failed else Verdict.INCONCLUSIVE, str(error))

    def _restore_area(self, backup: Backup) -> None:
        manifest = backup.manifest
        root = self._folder / "areas" / manifest.area
        name = area_check(manifest.area)
        with self._part(name, stage="files"):
            make_private_folder(root)
            require_free_bytes(root, needed_bytes=manifest.content_bytes, purpose="the drill")
            write_contents(
                self._context,
                backup,
                into=root,
                like=self._context.config.areas[manifest.area].path,
                report=lambda done: self._report(done, total=manifest.files, unit="files"),
                passwords=repository_passwords(
                    self._context, self._place, manifest=manifest, identities=self._identities
                ),
            )
            self._roots[manifest.area] = root
        if manifest.area not in self._roots:
            return
        with self._part(name, stage="compare"):
            compared = compare_area(root, backup)
            lacks = f"; {manifest.lacks}" if manifest.lacks else ""
            whole = compared.equal and not manifest.lacks
            self._evidence.files += compared.files
            self._evidence.add(name, Verdict.VERIFIED if whole else Verdict.FAILED, compared.told + lacks)

    def _restore_databases(self, backups: list[Backup]) -> None:
        """Restore one after the other into scratch databases, and ask while all of them are there."""
        if not backups:
            self._ask()
            return
        backup, *rest = backups
        name = backup.manifest.database or "default"
        database = next(one for one in self._databases if one.name == name)
        reached = False
        try:
            with self._evidence.stages.until_called("database") as restored:

                def inspect(scratch: DatabaseAddress) -> None:
                    nonlocal reached
                    restored()
                    reached = True
                    self._restored[name] = scratch
                    self._migrations[database.alias or name] = list(backup.manifest.migrations)
                    self._restore_databases(rest)

                how = try_restore(
                    backup.path,
                    backup.manifest,
                    context=self._context,
                    database=database,
                    loader="auto",
                    inspect=inspect,
                )
                self._evidence.rows += backup.manifest.rows
                self._evidence.add(database_check(name), Verdict.VERIFIED, how)
        except StorekeeperError as error:
            self._note_error(database_check(name), error)
            if not reached:
                self._restore_databases(rest)

    def _ask(self) -> None:
        """Ask the restored databases, and the shop's own code on them."""
        if self._restored:
            self._look_for_files()
            self._rehearse()
        for check in self._context.config.recovery.checks:
            with self._evidence.stages.stage("questions"):
                answered = sql_checks.ask(check, databases=self._restored)
            self._evidence.checks.append(answered)

    def _look_for_files(self) -> None:
        aliases = {one.alias or one.name: one.name for one in self._databases}
        databases = {alias: self._restored[name] for alias, name in aliases.items() if name in self._restored}
        with self._part(FILES, stage="compare"):
            found = look_for_named_files(
                self._context.config,
                description=self._description,
                databases=databases,
                roots=self._roots,
                at_home=True,
            )
            told = found.told
            if found.missing_at_home:
                told += f"; {found.missing_at_home} of them are missing in the shop as well"
            lost = found.missing_files > found.missing_at_home
            self._evidence.add(FILES, Verdict.FAILED if lost else Verdict.VERIFIED, told)

    def _rehearse(self) -> None:
        recovery = self._context.config.recovery
        names = {
            one.alias: _scratch_name(self._restored[one.name])
            for one in self._databases
            if one.alias and one.name in self._restored
        }
        if not names:
            return
        uploads = next(
            (root for area, root in self._roots.items() if self._is_media(area)),
            self._folder / "uploads",
        )
        make_private_folder(uploads)
        answer = {}
        with self._part(SYSTEM_CHECK, stage="questions"), self._context.shop.talk() as conversation:
            answer = conversation.ask(
                "rehearse",
                databases=names,
                servers=self._servers(),
                migrations={alias: self._migrations.get(alias, []) for alias in names},
                media_root=str(uploads),
                page=recovery.page,
                status=recovery.status,
            )
        for name, found in ((SYSTEM_CHECK, answer.get("check")), (PAGE, answer.get("page"))):
            if found is not None:
                self._evidence.add(name, _VERDICTS[found["passed"]], found["told"])

    def _servers(self) -> dict[str, dict[str, str]]:
        """Return how the shop reaches scratch databases that are not beside its own."""
        if self._context.config.backups.verify_on is None:
            return {}
        return {
            one.alias: dict(self._restored[one.name].parameters)
            for one in self._databases
            if one.alias and one.name in self._restored and self._restored[one.name].path is None
        }

    def _is_media(self, area: str) -> bool:
        media_root = self._description.media_root
        path = self._context.config.areas[area].path
        return media_root is not None and path.resolve() == media_root.resolve()

    def _judge_objectives(self, chosen: BackupSet) -> None:
        evidence = self._evidence
        for name, key, measured in (
            (RPO, "rpo_seconds", evidence.age_seconds or 0.0),
            (RTO, "rto_seconds", evidence.stages.total_seconds),
        ):
            reached = measured <= evidence.objectives[key]
            what = "the rows are" if name == RPO else "it took"
            old = " old" if name == RPO else ""
            evidence.add(
                name,
                Verdict.VERIFIED if reached else Verdict.FAILED,
                f"{what} {format_length(measured)}{old}; at the most"
                f" {format_length(evidence.objectives[key])} are wanted",
            )

    def _report(self, done: int, *, total: int, unit: str) -> None:
        self._context.report(Progress(done=done, total=total, unit=unit))


_VERDICTS: Final = {True: Verdict.VERIFIED, False: Verdict.FAILED, None: Verdict.INCONCLUSIVE}


def scratch_folder(context: Context) -> Path:
    """Return the folder that a drill alone uses."""
    config = context.config
    return (config.recovery.scratch or config.state / "scratch") / f"storekeeper_drill_{config.shop}"


def _scratch_name(address: DatabaseAddress) -> str:
    return str(address.path) if address.path else address.parameters["dbname"]
