"""drill: the newest set comes back in a scratch place, and everything that is wrong with it is found."""

from collections.abc import Callable
from typing import Any

from actions.backup_database import BackupDatabase
from actions.backup_media import BackupMedia
from actions.drill import Drill


def test_a_whole_shop_is_verified(make_keeper: Callable[..., Any]) -> None:
    kept = make_keeper(orders=10)
    kept.run(BackupDatabase(), verify=True)
    kept.run(BackupMedia())
    _, outcome = kept.run(Drill())
    print(outcome.summary)
    import json

    print(json.dumps(outcome.details["record"], indent=1))
    assert outcome.details["verdict"] == "verified"
