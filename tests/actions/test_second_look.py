"""What was so when an action planned need not be so when it acts: each file is looked at again."""

import datetime as dt
from collections.abc import Callable
from typing import Any

from actions.cleanup_orphaned_media import CleanupOrphanedMedia


def name_it(keeper: Any, name: str) -> None:
    """Save a row that names the file."""
    keeper.shop.evaluate(
        "from app.models import HeroSlide\nfrom django.utils import timezone\n"
        f"HeroSlide.objects.create(title='x', image={name!r}, starts_at=timezone.now())\nresult = 1"
    )


def test_a_file_that_a_row_names_after_the_plan_stays(make_keeper: Callable[..., Any]) -> None:
    """Rows are asked for once more right before the move: what was saved meanwhile keeps its file."""
    keeper = make_keeper(orders=12)
    keeper.now = lambda: dt.datetime.now(tz=dt.UTC) + dt.timedelta(days=2)
    keeper.write("products/saved.jpg", b"live", days=3)
    keeper.write("products/orphan.jpg", b"old", days=3)
    action = CleanupOrphanedMedia()
    context, options = keeper.context(), action.Options()
    plan = action.plan(context, options)
    assert {"products/saved.jpg", "products/orphan.jpg"} == {file.name for file in plan.moves}
    name_it(keeper, "products/saved.jpg")
    outcome = action.perform(context, options, plan)
    assert (1, 1) == (outcome.details["moved"], outcome.details["left"])
    assert b"live" == (keeper.media / "products/saved.jpg").read_bytes()
    assert not (keeper.media / "products/orphan.jpg").exists()


def test_a_file_that_a_row_names_after_the_plan_is_not_purged(make_keeper: Callable[..., Any]) -> None:
    """What waits in quarantine is asked for once more right before it goes for good."""
    keeper = make_keeper(orders=12)
    for name in ("needed", "orphan"):
        keeper.write(f"products/{name}.jpg", b"old", days=3)
    now = dt.datetime.now(tz=dt.UTC)
    keeper.now = lambda: now + dt.timedelta(days=2)
    action = CleanupOrphanedMedia()
    keeper.run(action)
    keeper.now = lambda: now + dt.timedelta(days=33)
    context, options = keeper.context(), action.Options()
    plan = action.plan(context, options)
    purged = {file.name for group in plan.purges for file in group.files}
    assert {"products/needed.jpg", "products/orphan.jpg"} == purged
    name_it(keeper, "products/needed.jpg")
    outcome = action.perform(context, options, plan)
    assert (1, 1) == (outcome.details["purged"], outcome.details["left"])
    keeper.run(action)
    assert b"old" == (keeper.media / "products/needed.jpg").read_bytes()
