"""Files of a folder move unattended only after an operator has approved a plan for that folder once."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from actions.cleanup_orphaned_media import CleanupOrphanedMedia
from actions.media.approvals import FILE_NAME, Approval, Approvals
from actions.media.approving import APPROVAL
from actions.playbooks import check_playbooks
from storekeeper.config import parse_config
from storekeeper.errors import ConfigurationError, OverBudget, StorekeeperError

ACTION = CleanupOrphanedMedia()


@pytest.fixture
def keeper(make_keeper: Callable[..., Any]) -> Any:
    """A filled shop that no operator looks at, two days ahead, with one orphan."""
    keeper = make_keeper(orders=12)
    keeper.attended = False
    keeper.now = lambda: dt.datetime.now(tz=dt.UTC) + dt.timedelta(days=2)
    keeper.write("products/a.jpg", b"12345", days=3)
    return keeper


def test_waits_approves_and_goes_on(keeper: Any) -> None:
    """Nothing moves before the approval, force or not; afterwards that folder's orphans do, no other's."""
    before = keeper.files()
    for options in ({}, {"force": True}):
        plan, outcome = keeper.run(ACTION, **options)
        assert ("1 files (5 B) in products", keeper.files()) == (outcome.waits_for, before)
        assert "cleanup_orphaned_media --approve" in plan.summary
        assert "cleanup_orphaned_media --approve" in outcome.summary
    _, outcome = keeper.run(ACTION, approve=True)
    assert (before - {"products/a.jpg"}, "") == (keeper.files(), outcome.waits_for)
    (kept,) = Approvals(keeper.config.state).all()
    assert ("products", 1, 5) == (kept.folder, kept.files, kept.size_bytes)
    keeper.write("products/b.jpg", days=3)
    keeper.write("hero_slides/c.jpg", days=3)
    plan, outcome = keeper.run(ACTION)
    assert "1 files (5 B) in hero_slides" == outcome.waits_for
    assert before - {"products/a.jpg"} | {"hero_slides/c.jpg"} == keeper.files()
    assert [("hero_slides", None), ("products", kept.as_json())] == [
        (one["folder"], one["approved"]) for one in plan.as_json()["folders"]
    ]


def test_operator_at_the_terminal_is_asked(keeper: Any) -> None:
    """A no moves and stores nothing."""
    context = keeper.context()
    asked: list[str] = []
    answers = {"no": False, "yes": True}
    for answer, left in (("no", True), ("yes", False)):

        def ask(question: str, plan: Any, answer: str = answer) -> bool:
            asked.append(question)
            return answers[answer]

        options = ACTION.Options()
        told = type(context)(**{**vars(context), "ask": ask})
        ACTION.perform(told, options, ACTION.plan(told, options))
        assert left is (keeper.media / "products/a.jpg").exists()
        assert left is not bool(Approvals(keeper.config.state).all())
    assert all("1 files (5 B) in products" in question for question in asked)
    assert 2 == len(asked)


def test_approval_of_a_run_is_of_the_folders_that_it_showed(keeper: Any) -> None:
    """What came into another folder since waits again; over the web, approve is no option."""
    keeper.attributes = {"trigger": "alert"}
    with pytest.raises(ConfigurationError, match="approve is for an operator"):
        keeper.run(ACTION, approve=True)
    _, outcome = keeper.run(ACTION)
    keeper.write("hero_slides/c.jpg", days=3)
    keeper.attributes = {"trigger": "alert", APPROVAL: {"who": "anna", "details": dict(outcome.details)}}
    _, outcome = keeper.run(ACTION)
    assert (1, "1 files (5 B) in hero_slides") == (outcome.details["moved"], outcome.waits_for)
    assert ["anna"] == [one.who for one in Approvals(keeper.config.state).all()]


def test_budget_comes_before_the_approval(keeper: Any) -> None:
    """A plan over the budget is neither moved nor approved by a yes to it."""
    budget = keeper.config.budget.model_copy(update={"files": 0.001, "at_least": 0})
    keeper.config = keeper.config.model_copy(update={"budget": budget})
    with pytest.raises(OverBudget):
        keeper.run(ACTION, approve=True)
    assert [] == Approvals(keeper.config.state).all()
    _, outcome = keeper.run(ACTION)
    assert outcome.waits_for


def test_approval_of_another_root_counts_for_nothing(keeper: Any) -> None:
    """The same folder of a media folder elsewhere is another folder."""
    stored = Approvals(keeper.config.state)
    moment = dt.datetime.now(tz=dt.UTC)
    stored.approve(
        [
            Approval(area=area, root=root, folder="products", who="a", approved=moment, files=1, size_bytes=5)
            for area, root in (("media", "/elsewhere"), ("other", str(keeper.media.resolve())))
        ]
    )
    assert keeper.run(ACTION)[1].waits_for
    assert 1 == len(stored.withdraw("media", ["products"]))
    assert ["other"] == [one.area for one in stored.all()]


@pytest.mark.parametrize("text", ["", "{}", '{"approvals": [{"area": "media", "folder": "products"}]}', "[]"])
def test_damaged_approvals_approve_nothing(keeper: Any, text: str) -> None:
    """A file that cannot be read stops the run, and the message says what to do."""
    (keeper.config.state / FILE_NAME).write_text(text)
    with pytest.raises(StorekeeperError, match="cannot be read") as caught:
        keeper.run(ACTION)
    assert "--approve" in caught.value.hint
    assert (keeper.media / "products/a.jpg").exists()


def test_nothing_leaves_the_quarantine_early_unattended(keeper: Any) -> None:
    """An unattended run keeps quarantined files for 30 days; an operator may choose less."""
    keeper.run(ACTION, approve=True)
    later = dt.datetime.now(tz=dt.UTC) + dt.timedelta(days=20)
    keeper.now = lambda: later
    with pytest.raises(ConfigurationError, match="keep_days: 7"):
        keeper.run(ACTION, keep_days=7, force=True)
    keeper.attended = True
    assert 5 == keeper.run(ACTION, keep_days=7)[1].freed_bytes


def test_playbooks_may_neither_approve_nor_purge_early(tmp_path: Any) -> None:
    """check-config refuses both."""
    config = parse_config(
        f"shop: a\nproject: {tmp_path}\nstate: {tmp_path}/state\nareas: {{media: {{path: media}}}}\n"
        "playbooks:\n  mine:\n    alert: A\n    steps:\n"
        "      - {action: cleanup_orphaned_media, options: {approve: true}}\n"
        "      - {action: cleanup_orphaned_media, options: {keep_days: 29}}\n"
        "      - {action: cleanup_orphaned_media, options: {keep_days: 30}}\n",
        name="storekeeper.yml",
        folder=tmp_path,
    )
    problems = check_playbooks(config)
    assert 2 == len(problems)
    assert "approve is for an operator" in problems[0]
    assert "keep_days: 29" in problems[1]
