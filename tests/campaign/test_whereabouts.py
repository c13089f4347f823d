"""Where a worker is, told through memory."""

from __future__ import annotations

import multiprocessing

from simdsl.campaign.whereabouts import Sign, Whereabouts
from simdsl.campaign.work import At


def test_the_last_thing_that_was_said() -> None:
    place = Whereabouts(multiprocessing.get_context())
    assert place.read() == Sign(0, None)
    place.say(None)
    assert place.read() == Sign(1, None)
    place.say(At(3, 10**18))
    place.say(None)
    assert place.read() == Sign(3, At(3, 10**18))
    place.say(At(0, 7))
    assert place.read() == Sign(4, At(0, 7))
    place.begin()
    assert place.read() == Sign(5, None)
