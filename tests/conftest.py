"""What holds for every test."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# No test measures time: a machine that does other things too must not make one fail.
settings.register_profile("simdsl", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("simdsl")
