"""How many backups of each calendar period stay."""

from pydantic import Field, model_validator

from storekeeper.config.fields import Model


class Retention(Model):
    """How many backups of each calendar period are kept."""

    daily: int = Field(default=7, ge=0)
    """The newest of each of so many days."""
    weekly: int = Field(default=4, ge=0)
    """The newest of each of so many weeks."""
    monthly: int = Field(default=12, ge=0)
    """The newest of each of so many months."""

    @model_validator(mode="after")
    def _keeps_something(self) -> "Retention":
        if not (self.daily or self.weekly or self.monthly):
            raise ValueError("a retention that keeps nothing would remove every backup")
        return self
