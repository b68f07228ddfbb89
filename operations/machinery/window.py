"""The offline window: from the first thing that is stopped to the last agent that is started."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime

# How far two clocks may go apart meanwhile, in seconds.
_SLACK = 60.0


@dataclass
class OfflineWindow:
    """When DAOS was not there for everybody, as far as it is known.

    + first_stop: when the first thing was stopped, by this run or by an earlier one; UTC
    + last_start: when the last agent was started; UTC
    + unknown: whether an earlier run has stopped the first thing, and nobody knows when
    + before: when it began and ended, where an earlier run of the same update has closed it
    """

    first_stop: datetime | None = None
    last_start: datetime | None = None
    unknown: bool = False
    before: tuple[datetime, datetime] | None = None

    def resumed(self, began: datetime | None, ages: Collection[float]) -> None:
        """An earlier run has opened it; it may have had another clock than this one.

        + began: when, as that run has written it down; None where it stopped nothing
        + ages: how long ago that was in seconds, as each server's own clock says
        """
        since = (datetime.now(UTC) - began).total_seconds() if began else 0.0
        self.unknown = since < 0 or any(abs(since - age) > _SLACK for age in ages if began)
        self.first_stop = None if self.unknown else began

    def opened(self) -> None:
        """Something is about to be stopped; the window begins with the first."""
        if not self.unknown:
            self.first_stop = self.first_stop or datetime.now(UTC)

    def closed(self) -> None:
        """An agent has started; the window ends with the last."""
        self.last_start = datetime.now(UTC)

    @property
    def known(self) -> tuple[datetime | None, datetime | None] | None:
        """When it began and ended, whichever run of this update did that; None for none.

        Its end is None where it has not ended, its beginning where nobody knows.
        """
        return (self.first_stop, self.last_start) if self.is_open else self.before

    @property
    def is_open(self) -> bool:
        """Whether something was stopped, by this run or by an earlier one."""
        return self.unknown or self.first_stop is not None

    @property
    def seconds(self) -> float | None:
        """How long it was; None where nothing was stopped, or not all is started again.

        None as well where nobody knows, also as the clock was set back meanwhile.
        """
        first, last = self.known or (None, None)
        if not first or not last:
            return None
        seconds = round((last - first).total_seconds(), 3)
        return seconds if seconds >= 0 else None
