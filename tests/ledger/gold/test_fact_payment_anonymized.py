"""The mart without personal data: an order's category, a payment's pseudonym (spec section 7, C)."""

from __future__ import annotations

from hashlib import sha256

from pyspark.sql import SparkSession

from ledger.anonymize import salt_relation
from ledger.gold.fact_payment_anonymized import TABLE, anonymized_payments, category_per_order
from ledger.silver import order_events, order_items, products
from tests.ledger.frames import Values, by_first, frame, plain
from tests.support import DAY_1

CATEGORIES = {1: "one", 2: "two", 3: "three", 9: None}
Item = tuple[int, int, str | None, int | None]
"""item_id, product_id, price, quantity."""
ORDERS: dict[str, tuple[list[Item], str | None]] = {
    "price times quantity": ([(1, 1, "6.00", 1), (2, 2, "3.01", 2)], "two"),
    "a null quantity is one": ([(1, 1, "3.00", None), (2, 2, "2.99", 1)], "one"),
    "a null price is zero": ([(1, 1, None, 99), (2, 2, "0.01", 1)], "two"),
    "all worth nothing": ([(2, 2, None, 1), (1, 1, "5.00", 0)], "one"),
    "a quantity below zero": ([(1, 1, "5.00", -1), (2, 2, "0.00", 1)], "two"),
    "tie: smallest item": ([(2, 1, "5.00", 1), (1, 2, "5.00", 1)], "two"),
    "tie: smallest product": ([(1, 3, "5.00", 1), (1, 2, "5.00", 1)], "two"),
    "no category, however dear": ([(1, 9, "99.00", 1), (2, 1, "1.00", 1)], "one"),
    "only without category": ([(1, 9, "99.00", 1)], None),
    "product is unknown": ([(1, 8, "99.00", 1)], None),
    "wide money": ([(1, 1, "9999999999999999.99", 2147483647), (2, 2, "9999999999999999.98", 2147483647)], "one"),
}  # fmt: skip


def test_category_per_order_is_that_of_the_most_valuable_item_with_a_category(spark: SparkSession) -> None:
    names = ("item_id", "product_id", "price_at_purchase", "quantity")
    items: list[Values] = [
        {"order_ref": order, **dict(zip(names, item, strict=True))}
        for order, (of_order, _) in ORDERS.items()
        for item in of_order
    ]
    goods: list[Values] = [{"product_id": key, "category": category} for key, category in CATEGORIES.items()]
    found = category_per_order(frame(spark, order_items.TABLE, items), frame(spark, products.TABLE, goods))
    assert by_first(found) == {order: category for order, (_, category) in ORDERS.items() if category}


def test_anonymized_payments_have_a_user_s_digest_and_no_raw_identifier(spark: SparkSession) -> None:
    """Payments without a user are left out; equal payments stay apart; the category comes by order_ref alone."""
    paid = {"merchant_name": "m", "amount": "1.5", "status": "PAID"}
    payments: list[Values] = [
        {"order_ref": "o", "user_id": "u", **paid},
        {"order_ref": "p", "user_id": "u", **paid},
        {"order_ref": "q", "user_id": "u", **paid},
        {"order_ref": "without user", **paid},
        {"order_ref": "nothing but a user", "user_id": "한"},
    ]
    categories: list[Values] = [{"order_ref": "o", "category": "c"}, {"order_ref": "u", "category": "wrong"}]
    found = anonymized_payments(
        frame(spark, order_events.TABLE, payments),
        frame(spark, "order_ref string, category string", categories),
        salt_relation(spark, "salt"),
        day=DAY_1,
        run_id="run",
    )
    assert found.dtypes == [(column.name, column.type) for column in TABLE.columns]
    u, other = (sha256(f"{user}salt".encode()).hexdigest() for user in ("u", "한"))
    of_u = [(str(DAY_1), u, "m", "1.50", "PAID", category, "run") for category in ("c", None, None)]
    assert plain(found) == sorted(
        [*of_u, (str(DAY_1), other, None, None, None, None, "run")], key=lambda r: r[1]
    )
