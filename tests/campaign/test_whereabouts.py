"""Where a worker is, told through memory."""

from __future__ import annotations

import multiprocessing

from simdsl.campaign.jobs import Position
from simdsl.campaign.local_pool import Heartbeat, HeartbeatReading


def test_the_last_thing_that_was_said() -> None:
    place = Heartbeat(multiprocessing.get_context())
    assert place.read() == HeartbeatReading(0, None)
    place.say(None)
    assert place.read() == HeartbeatReading(1, None)
    place.say(Position(3, 10**18))
    place.say(None)
    assert place.read() == HeartbeatReading(3, Position(3, 10**18))
    place.say(Position(0, 7))
    assert place.read() == HeartbeatReading(4, Position(0, 7))
    place.begin()
    assert place.read() == HeartbeatReading(5, None)
