"""The offline window: from the first thing that is stopped to the last agent that is started."""

from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass
class OfflineWindow:
    """When DAOS was not there for everybody, as far as it is known.

    + first_stop: when the first thing was stopped, by this run or by an earlier one; UTC
    + last_start: when the last agent was started; UTC
    """

    first_stop: datetime | None = None
    last_start: datetime | None = None

    def opened(self) -> None:
        """Something is about to be stopped; the window begins with the first."""
        self.first_stop = self.first_stop or datetime.now(UTC)

    def closed(self) -> None:
        """An agent has started; the window ends with the last."""
        self.last_start = datetime.now(UTC)

    @property
    def seconds(self) -> float | None:
        """How long it was; None where nothing was stopped, or not all is started again."""
        if not self.first_stop or not self.last_start:
            return None
        return round((self.last_start - self.first_stop).total_seconds(), 3)
