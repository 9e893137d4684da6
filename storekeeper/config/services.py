"""The services that storekeeper talks to, and what it tells them."""

from typing import Annotated

from pydantic import Field, model_validator

from storekeeper.config.fields import AgeField, Model, ShopPath
from storekeeper.units import Age


class Service(Model):
    """
    The address of a service and how we show who we are: Prometheus, Alertmanager, Grafana.

    Secrets stand in files of their own; either a token or a user, and a client certificate beside both.
    """

    url: Annotated[str, Field(pattern=r"^https?://[^/@]+(/.*)?$")]
    """Its address, such as ``http://127.0.0.1:9090``."""
    token_file: ShopPath | None = None
    """The file with a bearer token."""
    user: Annotated[str, Field(pattern=r"^[^:\x00-\x1f]+$")] | None = None
    """The user of basic authentication."""
    password_file: ShopPath | None = None
    """The file with the user's password."""
    ca_file: ShopPath | None = None
    """The certificates to trust instead of the system's."""
    certificate_file: ShopPath | None = None
    """Our own certificate, for services that ask for one."""
    key_file: ShopPath | None = None
    """Its key, where the certificate's file does not hold it."""

    @model_validator(mode="after")
    def _whole(self) -> "Service":
        if (self.user is None) != (self.password_file is None):
            raise ValueError("user and password_file belong together: give both or none")
        if self.user is not None and self.token_file is not None:
            raise ValueError("give a token_file or a user with a password_file, not both")
        if self.key_file is not None and self.certificate_file is None:
            raise ValueError("a key_file needs its certificate_file")
        return self


class Notify(Model):
    """What the receiver tells people about its runs, through ``alertmanager`` and ``grafana``."""

    done_for: AgeField = Age(seconds=15 * 60)
    """How long StorageActionDone lasts; longer than the group_interval of its route, or nobody hears it."""
    failed_for: AgeField = Age(seconds=86400)
    """How long StorageActionFailed lasts where the action does not succeed before."""
    silence: bool = False
    """While a run works on an alert, silence that alert."""
    silence_for: AgeField = Age(seconds=3600)
    """When such a silence ends at the latest."""
