"""The in-memory warehouse and its driver: what `ledgerctl day D --run-id R` leaves behind.

`Oracle.tables` maps `<schema>.<table>` to a list of rows; keys starting with `~` are the oracle's own and no
columns. State carries over between calls, so sequences of days, reruns and days run after their successor are
all modelled.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from tests.oracle import analytics, controls, guardrail, rules, silver
from tests.oracle.contract import TABLES, Row
from tests.oracle.live import LandingLog, load_day
from tests.oracle.relations import Deciders
from tests.oracle.repair import relate_again, repair
from tests.oracle.state import (
    Changes,
    Control,
    DayOutcome,
    NotReady,
    Result,
    record_attempt,
    record_state,
    replace_day,
    replace_exceptions,
    require_ready,
)
from tests.oracle.values import Window


class Oracle:
    """A landing folder, a rule seed, and the tables that running days over them builds up.

    Args:
        landing: the landing root (`<table>/date=YYYY-MM-DD/*`).
        rules: the seed of `gold.dim_rule_scd2`, loaded on the first run.
        salt: of `user_key`.
        lookback_days: section 2.
        now: the clock for every run; the real one when None. Only `ingested_at` stamps depend on it.
        advance_source_order: see `silver.merge`.
    """

    def __init__(
        self,
        landing: Path,
        rules: list[dict[str, Any]],
        salt: str = "local-salt-v1",
        lookback_days: int = 35,
        now: datetime | None = None,
        *,
        rule_load_mode: str = "strict",
        advance_source_order: bool = True,
    ) -> None:
        self.landing = Path(landing)
        self.seed = rules
        self.salt = salt
        self.lookback_days = lookback_days
        self.rule_load_mode = rule_load_mode
        self.advance_source_order = advance_source_order
        self.tables: dict[str, list[Row]] = {name: [] for name in TABLES}
        self._now = now
        self._step = 0
        self.log = LandingLog()
        self.tables["bronze.landing_file"] = self.log.events
        self.controls: dict[date, Control] = {}
        self.evaluated: dict[tuple[str, date], list[Row]] = {}
        self._seen_events: dict[date, int] = {}
        self._outdated: set[date] = set()
        self._mart_made: dict[date, int] = {}
        self._changes = Changes()

    @property
    def clock(self) -> datetime:
        """This run's clock, UTC."""
        return self._now or datetime.now(UTC)

    def day(self, day: date, run_id: str) -> DayOutcome:
        """Ingest landing day D, then A, Silver, B and C of KST day D; the first failure stops it."""
        outcome = DayOutcome(day, run_id)
        for step in (self.prepare, self.ingest, self.a, self.silver, self.b, self.c):
            outcome.results.append(step(day, run_id))
            if not outcome.results[-1].ok:
                break
        return outcome

    def prepare(self, day: date, run_id: str) -> Result:
        """Bootstrap and rule sync, if missing."""
        if not self.tables["gold.dim_rule_scd2"]:
            try:
                self.sync_rules(self.seed)
            except rules.RuleError as error:
                return Result("sync_dim_rule_scd2", False, type(error).__name__, str(error))
        return Result("sync_dim_rule_scd2", True)

    def sync_rules(self, seed: list[dict[str, Any]]) -> None:
        """`sync_dim_rule_scd2` (section 8). Raises RuleError and changes nothing when the seed is refused."""
        self.tables["gold.dim_rule_scd2"] = rules.sync(self.tables["gold.dim_rule_scd2"], seed, self.clock)

    def ingest(self, day: date, run_id: str = "") -> Result:
        """Load one landing day into Bronze and note what became of every file.

        A version that was loaded before is not loaded again. A failed file fails the load; the others still load.
        """
        failed = load_day(self.tables, self.log, self.landing, day, run_id, self.clock)
        return Result("ingest", not failed, "FailedFile" if failed else "", "; ".join(failed))

    def withdraw(self, path: str, run_id: str = "") -> None:
        """`ledgerctl landing withdraw`: what came with the file counts no longer."""
        self.log.withdraw(path, run_id, self.clock)

    def a(self, day: date, run_id: str) -> Result:
        """Pipeline A (guardrail) as a backfill of one day."""

        def body(window: Window) -> None:
            book = self._book()
            book.require("pipeline_a")
            for table in guardrail.WATCHED:
                status, exceptions = guardrail.evaluate(
                    table,
                    self.log.split(self.tables[f"bronze.{table}"])[0],
                    window,
                    book,
                    run_id,
                    self.lookback_days,
                    self.clock,
                )
                self.evaluated[table, day] = exceptions
                identity = ("run_id", "source_table", "window_start_ts", "window_end_ts")
                guardrail.append_once(self.tables["silver.dq_status"], [status], identity)
                guardrail.append_once(
                    self.tables["gold.exception_ledger"], exceptions, (*identity, "exception_type", "metric")
                )

        return self._run("pipeline_a", day, run_id, body)

    def silver(self, day: date, run_id: str) -> Result:
        """Pipeline Silver: evaluate, save bad records, judge, merge."""

        def body(window: Window) -> None:
            book = self._book()
            book.require("pipeline_silver")
            seen = len(self.log.events)
            start = repair(self.tables, self.log, window, book, run_id, self.lookback_days)
            evaluation = silver.evaluate(start.tables, window, book, run_id, self.lookback_days)
            silver.save_bad_records(
                self.tables["silver.bad_records"], evaluation, window, book, run_id, self.clock
            )
            silver.judge(evaluation, book)
            ledger = start.tables["bronze.transaction_ledger_raw"]
            deciders = Deciders.before(self.tables, ledger, [d for d in self._seen_events if d > day])
            entries = evaluation.valid["ledger_entries"] = deciders.keep(evaluation.valid["ledger_entries"])
            for table, rows in evaluation.valid.items():
                stored = self.tables[f"silver.{table}"] = start.tables[f"silver.{table}"]
                written = silver.merge(table, stored, rows, self.advance_source_order)
                self._changes.note(self._step, [pair for pair in written if not start.took(table, pair[1])])
                self._changes.note(self._step, start.settle(table, stored))
            self._changes.note(
                self._step,
                relate_again(self.tables, self.log, start.orders, window, book, run_id, self.lookback_days),
            )
            self._seen_events[day] = seen
            self._outdated = (self._outdated - {day}) | deciders.outdated(self.tables, entries)

        return self._run("pipeline_silver", day, run_id, body)

    def b(self, day: date, run_id: str) -> Result:
        """Pipeline B: recon and supply_ops are independent tasks; B succeeds when both do."""

        def body(window: Window) -> None:
            require_ready(self.tables, window)
            errors = []
            for task in (self._recon, self._supply_ops):
                try:
                    task(window, run_id)
                except rules.RuleError as error:
                    errors.append(error)
            if errors:
                raise rules.RuleError("; ".join(map(str, errors)))
            found = self.tables["gold.exception_ledger"]
            mine = [
                row
                for row in found
                if (row["date_kst"], row["domain"], row["run_id"]) == (day, "ledger", run_id)
            ]
            self.controls[day] = Control(self._step, run_id, mine)

        return self._run("pipeline_b", day, run_id, body)

    def c(self, day: date, run_id: str) -> Result:
        """Pipeline C: replace the day's partition of the anonymized mart."""

        def body(window: Window) -> None:
            require_ready(self.tables, window)
            rows = analytics.fact_payment_anonymized(self.tables, day, run_id, self.salt)
            replace_day(self.tables, "gold.fact_payment_anonymized", day, rows)
            self._mart_made[day] = self._step

        return self._run("pipeline_c", day, run_id, body)

    def silver_due(self) -> list[date]:
        """Days whose live rows, or the orders that their entries name, changed after Silver finished them (section 4)."""
        landed = {day for day, seen in self._seen_events.items() if self.log.changed_after(day, seen)}
        return sorted(landed | self._outdated)

    def restatement_due(self) -> list[date]:
        """Days that B controlled before Silver changed them or an earlier day (section 2, convergence)."""
        return self._changes.after({day: done.step for day, done in self.controls.items()}, or_earlier=True)

    def mart_due(self) -> list[date]:
        """Days whose mart C made before Silver changed them."""
        return self._changes.after(self._mart_made)

    def _recon(self, window: Window, run_id: str) -> None:
        book = self._book()
        book.require("recon")
        rows, exceptions = controls.recon(self.tables, window, book, run_id, self.lookback_days, self.clock)
        replace_day(self.tables, "gold.recon_daily_snapshot_flow", window.date_kst, rows)
        replace_exceptions(self.tables, window.date_kst, "RECON_DRIFT_HIGH", run_id, exceptions)

    def _supply_ops(self, window: Window, run_id: str) -> None:
        book, day = self._book(), window.date_kst
        book.require("supply")
        rows, exceptions = controls.supply(self.tables, window, book, run_id, self.lookback_days, self.clock)
        replace_day(self.tables, "gold.ledger_supply_balance_daily", day, rows)
        replace_exceptions(self.tables, day, "SUPPLY_MISMATCH", run_id, exceptions)
        failures, refunds = controls.payment_rates(self.tables["silver.order_events"], day, run_id)
        replace_day(self.tables, "gold.ops_payment_failure_daily", day, failures)
        replace_day(self.tables, "gold.ops_payment_refund_daily", day, refunds)
        pairing = analytics.pairing_quality(self.tables, day, run_id)
        replace_day(self.tables, "gold.ops_ledger_pairing_quality_daily", day, [pairing])
        found = analytics.admin_tx_search(self.tables, day, run_id, self.lookback_days)
        replace_day(self.tables, "gold.admin_tx_search", day, found, "event_date_kst")

    def _book(self) -> rules.RuleBook:
        return rules.RuleBook(self.tables["gold.dim_rule_scd2"])

    def _run(self, pipeline: str, day: date, run_id: str, body: Callable[[Window], None]) -> Result:
        """Run one pipeline for one day and record the attempt in state and log (section 3)."""
        window, started = Window.of_day(day), self.clock
        self._step += 1
        try:
            body(window)
            result = Result(pipeline, True)
        except (rules.RuleError, silver.BadRateExceeded, NotReady) as error:
            result = Result(pipeline, False, type(error).__name__, str(error))
        record_state(self.tables, result, window, run_id, self.clock)
        record_attempt(self.tables, result, window, run_id, (started, self.clock), self.rule_load_mode)
        return result
