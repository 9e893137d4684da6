"""The names of the alerts that storekeeper itself raises about its runs."""

from typing import Final

OWN_PREFIX: Final = "StorageAction"
"""No playbook answers an alert of such a name, so that a run can never be the cause of the next."""

ACTION_DONE: Final = "StorageActionDone"
ACTION_FAILED: Final = "StorageActionFailed"
OWN_ALERTS: Final = (ACTION_DONE, ACTION_FAILED)


def is_own(alertname: str) -> bool:
    """Tell whether an alert is one of ours."""
    return alertname.startswith(OWN_PREFIX)
