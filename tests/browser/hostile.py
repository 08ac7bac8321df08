"""A landing day whose every text tries to act in the UI, and what the UI must not do because of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import quote

from playwright.sync_api import Page, Request

from tests.support import DAY_1, Home

HOST = "evil.example"
_LAUNCH = quote(
    'mutation{launchRun(executionParams:{selector:{repositoryName:"__repository__",repositoryLocationName:'
    '"ledger_controls",pipelineName:"bad_records_retention_cleanup"},mode:"default",runConfigData:{ops:{'
    'clean_up_bad_records:{config:{retention_days:"1"}}}}}){__typename}}'
)
# As many as a sample has rows, so that each is looked at.
ATTACKS = (
    f"![pay](/graphql?query={_LAUNCH})",
    f"![pay](http://{HOST}/seen.png) <img src=http://{HOST}/img onerror=alert(1)><script src=http://{HOST}/s></script>",
    f"http://{HOST}/bare https://{HOST} www.{HOST} pay@{HOST} <http://{HOST}/angle>"
    f" [pay](javascript:alert(1)) [pay](http://{HOST}/link) [pay]: http://{HOST}/ref",
    f"`a | b`\n| c |\n\n![x][y]\n\n[y]: http://{HOST}/y",
    f"&#104;ttp://{HOST}/entity \u202egnp.exe\u2066 \x1b[31mred\x1b]8;;http://{HOST}/osc\x07 \x00"
    f" \\![pay](http://{HOST}/escaped) \\<img src=http://{HOST}/escaped> \\`",
)
BAD_FILE = "![x](https:%2F%2Fevil.example) [y](javascript:alert(1)) <img src=x onerror=alert(1)>.csv"
_FOUND = """host => [...document.querySelectorAll('*')].flatMap(e => [...e.attributes].map(a => [e.tagName, a]))
  .filter(([tag, a]) => a.name.startsWith('on') || /^(javascript|mailto|vbscript):/i.test(a.value)
    || (['href', 'src', 'srcset', 'action', 'data', 'poster', 'style'].includes(a.name)
        && (a.value.includes(host) || a.value.includes('graphql'))))
  .map(([tag, a]) => `${tag} ${a.name}=${a.value}`.slice(0, 200))"""
_LAST_EVENT = re.compile("^RUN_(SUCCESS|FAILURE)$")
_GO = "path => { history.pushState({}, '', path); dispatchEvent(new PopStateEvent('popstate')) }"


def land(home: Home) -> None:
    """One landing day: each attack in every text field of a record of every source, beside what Silver accepts."""
    at = f"{DAY_1}T01:00:00Z"
    for n, attack in enumerate(ATTACKS):
        who, ref = f"{n} {attack}", f"{n + 1}"
        meta = {"created_at": at, "source_system": attack, "batch_id": attack, attack[:40]: attack}
        home.land(
            "user_wallets", DAY_1, meta | {"user_id": who, "balance": n, "frozen_amount": 0}, file=f"w{n}"
        )
        entry = {"tx_id": who, "wallet_id": who, "type": "CHARGE", "amount": 5, "related_id": who}
        home.land("transaction_ledger", DAY_1, meta | entry, file=f"t{n}")
        # Few and short enough for a table that a UI would show at once, were it markdown.
        merchant = attack if n == 0 else ATTACKS[3]
        paid = {"user_id": who, "merchant_name": merchant, "amount": 5}
        payments = [
            meta | paid | {"order_id": who, "status": "PAID"},
            meta | paid | {"order_id": f"x{who}", "status": attack},
        ]
        home.land("payment_orders", DAY_1, *payments, file=f"p{n}")
        home.land("orders", DAY_1, meta | {"order_id": ref, "user_id": who, "status": attack}, file=f"o{n}")
        item = {"item_id": ref, "order_id": ref, "product_id": ref, "quantity": attack}
        home.land("order_items", DAY_1, meta | item, file=f"i{n}")
        product = {"product_id": ref, "product_name": attack, "category": attack}
        home.land("products", DAY_1, meta | product, attack, file=f"pr{n}")


@dataclass
class Watch:
    """Acts of a page while an operator looks around: requests, dialogs, and what of the data became an element."""

    page: Page
    address: str
    wrong: list[str] = field(default_factory=list)
    _waiting: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.page.on("request", self._asked)
        for over in ("requestfinished", "requestfailed"):
            self.page.on(over, lambda request: self._waiting.discard(id(request)))
        self.page.on("dialog", lambda dialog: self.wrong.append(f"dialog {dialog.message}"))
        self.page.on("popup", lambda popup: self.wrong.append(f"popup {popup.url}"))

    def _asked(self, request: Request) -> None:
        self._waiting.add(id(request))
        asked = f"{request.method} {request.url[:150]}"
        if not request.url.startswith((f"{self.address}/", "data:", "blob:")):
            self.wrong.append(asked)
        elif "/graphql" in request.url:
            query = str((request.post_data_json or {}).get("query", "")) if request.method == "POST" else ""
            if request.method != "POST" or query.lstrip().startswith("mutation"):
                self.wrong.append(f"{asked} {query[:80]}")

    def visit(self, path: str) -> str:
        """Go to a page inside the UI, wait until it has what it asked for; its text."""
        self.page.evaluate(_GO, path)
        if path.startswith("/runs/"):  # its log comes through a socket
            self.page.get_by_text(_LAST_EVENT).first.wait_for()
        self._settle(lambda: bool(self._waiting))
        self.wrong += [f"{path}: {found}" for found in self.page.evaluate(_FOUND, HOST)]
        return self.page.inner_text("body")

    def _settle(self, is_busy: Callable[[], bool], *, quiet_ms: int = 150, at_most_ms: int = 8000) -> None:
        quiet = waited = 0
        while quiet < quiet_ms and waited < at_most_ms:
            self.page.wait_for_timeout(50)
            waited += 50
            quiet = 0 if is_busy() else quiet + 50
