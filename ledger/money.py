"""Money and rates: decimal only, parsed from their source text, rounded half up (spec sections 1 and 5)."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from pyspark.sql import Column
from pyspark.sql import functions as F

SOURCE_MONEY = "decimal(18,2)"
MONEY = "decimal(38,2)"
RATE = "decimal(38,6)"

# Plain notation that decimal(18,2) holds exactly: at most 16 significant integer digits and two
# significant decimals; leading zeros and trailing zeros of the fraction do not count.
_FITS_SOURCE_MONEY = r"^[+-]?0*[0-9]{1,16}([.][0-9]{1,2}0*)?\z"
_SURPLUS_ZEROS = r"^([+-]?)0*([0-9]{1,16})([.][0-9]{1,2})?0*\z"
_CASTABLE_LENGTH = 24  # longer texts only through zeros, which some engines' decimal parser refuses
_MICRO = 1_000_000


def parse_money(text: Column) -> Column:
    """Trimmed source text to ``decimal(18,2)``; null where it is not money or does not fit exactly.

    Nothing is rounded: ``1.500`` fits, ``1.005``, ``1e3`` and a 17th integer digit do not.
    """
    plain = F.when(
        F.length(text) > _CASTABLE_LENGTH, F.regexp_replace(text, _SURPLUS_ZEROS, "$1$2$3")
    ).otherwise(text)
    return F.when(text.rlike(_FITS_SOURCE_MONEY), plain.try_cast(SOURCE_MONEY))


def rate(numerator: Column, denominator: Column, *, when_zero: Column) -> Column:
    """``numerator / denominator`` as ``decimal(38,6)``, rounded half up; ``when_zero`` for a zero denominator.

    Both must be non-negative integers (counts, or money in cents). The quotient is built from exact
    integer steps because engines cut or round a decimal division differently.
    """
    n, d = numerator.cast("decimal(38,0)"), denominator.cast("decimal(38,0)")
    rest = n % d
    whole = ((n - rest) / d).cast("decimal(32,0)")
    twice = (rest * F.lit(2 * _MICRO).cast("decimal(7,0)")).cast("decimal(38,0)") + d
    divisor = (d * F.lit(2).cast("decimal(1,0)")).cast("decimal(38,0)")
    micros = ((twice - twice % divisor) / divisor).cast("decimal(8,0)")
    fraction = (micros * F.lit("0.000001").cast("decimal(7,6)")).cast(RATE)
    return F.when(denominator == 0, when_zero.cast(RATE)).otherwise((whole.cast(RATE) + fraction).cast(RATE))


def above(measured: Column, limit: Decimal) -> Column:
    """Whether money or a rate is above a rule's limit, exactly.

    Both sides get one scale first: engines that compare two decimals of 38 digits give up the decimals of the finer
    one for integer digits that neither has, and 0.01 is then not above 0.
    """
    text = f"{limit:f}"
    exact = f"decimal(38,{max(6, len(text.partition('.')[2]))})"
    return measured.cast(exact) > F.lit(text).cast(exact)


def cents(amount: Column) -> Column:
    """Money as a whole number of its smallest stored unit (1/100), ``decimal(38,0)``."""
    return (amount.cast(MONEY) * F.lit(100).cast("decimal(3,0)")).cast("decimal(38,0)")


def round_rate(value: Fraction | Decimal | int) -> Decimal:
    """An exact value as a rate: six decimals, half up (away from zero at the tie)."""
    exact = Fraction(value)
    scaled = abs(exact) * _MICRO
    micros = (2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator)
    return Decimal(f"{'-' if exact < 0 else ''}{micros}E-6")
