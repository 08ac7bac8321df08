"""A Silver table: one frozen value beside its contract, over which pipeline Silver loops (spec section 5)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from pyspark.sql import Column, DataFrame

from ledger.contract import Table
from ledger.rules import RuleBook
from ledger.silver.source_order import ORDER_COLUMNS

BAD_RATE_RULE = "silver/bad_records_rate"
Settled = Literal["latest", "earliest", "snapshot"]


@dataclass(frozen=True)
class Reason:
    """A reason that rejects rows: the source columns that it speaks of, and the rule that decides it.

    ``is_of_the_row`` is false where no row rule alone can see it: a row's orders, or what is stored, decide.
    """

    columns: tuple[str, ...]
    rule: str = BAD_RATE_RULE
    is_of_the_row: bool = True


@dataclass(frozen=True)
class Source:
    """One Bronze table that feeds a Silver table, by its rows alone.

    ``reason``: the first row rule that a row breaks, else null. ``evaluate``: rows with ``_reason`` and
    ``_record_json`` as candidates (the Silver columns but ``run_id`` and ``rule_id``, and the source order), one each.
    """

    table: Table
    reason: Callable[[RuleBook], Column]
    evaluate: Callable[[DataFrame], DataFrame]


@dataclass(frozen=True, eq=False)
class SilverTable:
    """One Silver table. ``eq=False``: there is one value per table, and it is itself only.

    ``settled``, which of several rows for one key stays: the ``latest`` in source order; the ``earliest``, which no
    later one changes; of a ``snapshot``, which does not store its source order, the latest by its Bronze row.
    """

    contract: Table
    sources: tuple[Source, ...]
    settled: Settled
    collapse: Callable[[DataFrame], DataFrame]
    """Candidates (of entries: reconciled ones) as one row per key."""
    business: tuple[str, ...]
    """The columns whose difference rewrites a stored row."""
    origin: tuple[str, ...]
    """Beside the key, what a stored row shares with the Bronze row that it came from."""
    reasons: Mapping[str, Reason]
    """Every reason that rejects a row meant for the table; that it was no record at all goes without saying."""
    is_guarded: bool = False
    """Whether too many bad rows stop the run, or only warn."""
    has_null_partition: bool = False
    """Whether a row may lack its day."""
    rule: str | None = None
    """The rule whose id its rows carry."""
    relates_to: SilverTable | None = None
    """The Silver table in which its rows look up what they belong to."""
    has_keys_at_gate: bool = True
    """Whether B and C refuse a key that is stored twice before they start, or Silver's own check is enough."""

    @property
    def name(self) -> str:
        """``silver.<table>``."""
        return self.contract.full_name

    @property
    def bronze(self) -> tuple[Table, ...]:
        """The Bronze tables whose rows become its rows."""
        return tuple(source.table for source in self.sources)

    @property
    def reads(self) -> tuple[Table, ...]:
        """All Bronze tables that its rows depend on."""
        return (*self.bronze, *(self.relates_to.bronze if self.relates_to else ()))

    @property
    def order_columns(self) -> tuple[str, ...]:
        """The source order, where it is stored."""
        return ORDER_COLUMNS if set(ORDER_COLUMNS) <= set(self.contract.column_names) else ()
