"""Amounts for people; files and JSON keep the integers.

>>> money(123_456, "GBP"), money(-5, "CNY"), money(500, "JPY"), money(7, None)
('GBP 1,234.56', 'CNY -0.05', 'JPY 500', '7')
"""

_DIGITS = {"JPY": 0, "KRW": 0, "VND": 0, "CLP": 0, "ISK": 0, "BHD": 3, "KWD": 3, "OMR": 3, "TND": 3, "JOD": 3}
"""ISO 4217 currencies whose minor unit is not a hundredth."""


def money(amount_minor: int, currency: str | None) -> str:
    """Return an amount of minor units with its currency; without one, the integer."""
    if currency is None:
        return f"{amount_minor:,}"
    digits = _DIGITS.get(currency, 2)
    whole, part = divmod(abs(amount_minor), 10**digits)
    sign = "-" if amount_minor < 0 else ""
    return f"{currency} {sign}{whole:,}" + (f".{part:0{digits}d}" if digits else "")
