"""The line that says how far a soak is."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from bench.soak.campaign import Campaign
    from bench.soak.records import Record


class Progress:
    """One line a unit; on a terminal one line that changes, and one for every alarm."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._campaign: Campaign | None = None
        self._since = time.monotonic()
        self._is_open = False
        self._alarms = 0
        self._assertions = 0

    def begin(self, campaign: Campaign) -> None:
        """Say what there is to do."""
        self._campaign = campaign
        self._since = time.monotonic()
        self.note(f"{campaign.finished} of {self._total()} units were finished before")

    def tell(self, record: Record) -> None:
        """A unit is done."""
        assert self._campaign is not None
        self._assertions += record.counts.assertions
        self._alarms += len(record.counts.alarms)
        seen: set[str] = set()
        for alarm in record.counts.alarms:
            if alarm.fingerprint not in seen:
                self.note(f"alarm: {record.unit.part} {record.unit.subject} seed {alarm.seed}: {alarm.message}")
                seen.add(alarm.fingerprint)
        rate = self._assertions / max(time.monotonic() - self._since, 0.001)
        text = (
            f"{self._campaign.finished}/{self._total()} units, {self._assertions:,} assertions, {rate:,.0f}/s, "
            f"{self._alarms} alarms; {record.unit}"
        )
        if self._out.isatty():
            self._out.write(f"\r\x1b[K{text}")
            self._out.flush()
            self._is_open = True
        else:
            self._out.write(f"{text}\n")

    def note(self, text: str) -> None:
        """A line that stays."""
        self.end()
        self._out.write(f"{text}\n")

    def end(self) -> None:
        """Leave the line that changes."""
        if self._is_open:
            self._out.write("\n")
            self._is_open = False

    def _total(self) -> str:
        assert self._campaign is not None
        return "?" if self._campaign.total is None else str(self._campaign.total)
