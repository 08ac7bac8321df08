"""Reference data of the generated world: amounts, products, baskets, merchants. Seeded, and equal on every day."""

from __future__ import annotations

import json
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

AMOUNT_BITS = 12
BASKET_BITS = 10
MERCHANT_BITS = 5
PRODUCT_COUNT = 120

CATEGORIES = ("식품", "생활용품", "도서", "가전", "패션", "뷰티", "스포츠", "반려동물")
GOODS = ("원두", "머그컵", "소설", "이어폰", "티셔츠", "핸드크림", "요가매트", "간식", "노트", "텀블러")
MERCHANT_NAMES = (
    "한빛카페",
    "새벽서점",
    "Namsan Records",
    "초록마켓",
    "별다방 강남점",
    "O'Brien's Pub",
    "서울약국",
    "해오름 식당",
    "Studio 54, Seoul",
    '책방 "오후"',
    "동네빵집",
    "바다횟집",
    "제주상회",
    "Cafe Été",
    "미래전자",
    "한강자전거",
)


class Amount(NamedTuple):
    """Money as whole cents and as the text that goes into the files; never a float."""

    cents: int
    text: str


class Basket(NamedTuple):
    """A ready-made order: its total and, per item, the JSON members from `product_id` on."""

    total: Amount
    items: tuple[str, ...]


@dataclass(frozen=True)
class Catalog:
    """Everything that events draw from."""

    payments: tuple[Amount, ...]
    charges: tuple[Amount, ...]
    baskets: tuple[Basket, ...]
    products: tuple[str, ...]
    merchants: tuple[str, ...]


def money_text(cents: int) -> str:
    """Non-negative cents as plain decimal text with two decimals."""
    return f"{cents // 100}.{cents % 100:02d}"


def amount(cents: int) -> Amount:
    """An amount with its text."""
    return Amount(cents, money_text(cents))


def build_catalog(rng: Random) -> Catalog:
    """Draw the reference data; the only randomness that is shared by all days."""
    size = 1 << AMOUNT_BITS
    payments = tuple(amount(_price(rng, 500, 90_000)) for _ in range(size))
    charges = tuple(amount(_price(rng, 20_000, 500_000)) for _ in range(size))
    prices = tuple(amount(rng.randrange(10, 600) * 10_000) for _ in range(PRODUCT_COUNT))
    return Catalog(
        payments=payments,
        charges=charges,
        baskets=tuple(_basket(rng, prices) for _ in range(1 << BASKET_BITS)),
        products=tuple(_product(rng, number, price) for number, price in enumerate(prices, start=1)),
        merchants=_merchants(),
    )


def _merchants() -> tuple[str, ...]:
    """JSON texts, one per value of `MERCHANT_BITS` bits; the last is a payment without a merchant."""
    size = 1 << MERCHANT_BITS
    names = (MERCHANT_NAMES * (size // len(MERCHANT_NAMES) + 1))[: size - 1]
    return (*(json.dumps(name, ensure_ascii=False) for name in names), "null")


def _price(rng: Random, low_krw: int, high_krw: int) -> int:
    """Cents; one in eight amounts has decimals, as fees and foreign-currency payments do."""
    decimals = rng.randrange(100) if rng.getrandbits(3) == 0 else 0
    return rng.randrange(low_krw, high_krw) * 100 + decimals


def _basket(rng: Random, prices: tuple[Amount, ...]) -> Basket:
    items: list[str] = []
    total_cents = 0
    for _ in range(rng.randint(1, 3)):
        product = rng.randrange(len(prices))
        quantity = rng.choice((1, 1, 1, 2, 3))
        total_cents += prices[product].cents * quantity
        price = prices[product].text
        items.append(f'"product_id":{product + 1},"quantity":{quantity},"price_at_purchase":"{price}",')
    return Basket(amount(total_cents), tuple(items))


def _product(rng: Random, number: int, price: Amount) -> str:
    """A product's JSON members; about one in twenty has no category, so C's category join has to look further."""
    category = None if rng.randrange(20) == 0 else rng.choice(CATEGORIES)
    name = json.dumps(f"{rng.choice(GOODS)} {number:03d}", ensure_ascii=False)
    return (
        f'"product_id":{number},"product_name":{name},"price_krw":"{price.text}",'
        f'"stock_quantity":{rng.randrange(500)},"category":{json.dumps(category, ensure_ascii=False)},'
        f'"is_display":{"false" if rng.randrange(10) == 0 else "true"},'
    )
