"""KST daily partitions (spec section 3)."""

from __future__ import annotations

from datetime import date

import dagster as dg

TIMEZONE = "Asia/Seoul"
# One day is one run: the UI then offers no "single run" of several days, which would be refused.
ONE_DAY_A_RUN = dg.BackfillPolicy.multi_run(max_partitions_per_run=1)
DAY_FORMAT = "%Y-%m-%d"


def kst_days(start: date, *, including_today: bool) -> dg.DailyPartitionsDefinition:
    """One partition per KST day from ``start``; Bronze and A have today's, the others end yesterday."""
    return dg.DailyPartitionsDefinition(
        start_date=start.isoformat(),
        timezone=TIMEZONE,
        fmt=DAY_FORMAT,
        end_offset=1 if including_today else 0,
    )
