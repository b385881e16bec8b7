"""The plural categories of whole numbers (CLDR, cardinal plural rules).

`Intl.PluralRules` of a browser applies the same rules to the countdowns of the page.
The rules for a million are left out: no number of a text is that large.
"""

from __future__ import annotations

from collections.abc import Callable, Container

_TEENS = range(11, 20)


def _one_or_other(n: int) -> str:
    return "one" if n == 1 else "other"


def _zero_is_one(n: int) -> str:
    return "one" if n in {0, 1} else "other"


def _only_other(_: int) -> str:
    return "other"


def _arabic(n: int) -> str:
    if n in {0, 1, 2}:
        return ("zero", "one", "two")[n]
    if n % 100 in range(3, 11):
        return "few"
    return "many" if n % 100 in range(11, 100) else "other"


def _hebrew(n: int) -> str:
    return {1: "one", 2: "two"}.get(n, "other")


def _czech(n: int) -> str:
    if n == 1:
        return "one"
    return "few" if n in {2, 3, 4} else "other"


def _romanian(n: int) -> str:
    if n == 1:
        return "one"
    return "few" if n == 0 or n % 100 in range(1, 20) else "other"


def _filipino(n: int) -> str:
    return "other" if n not in {1, 2, 3} and n % 10 in {4, 6, 9} else "one"


def _by_last_digit(
    few: Container[int], teens: Container[int], rest: str
) -> Callable[[int], str]:
    """Return a rule of languages in which 21 has the form of 1.

    Args:
        few: Last digits of the category `few`.
        teens: Last two digits to which neither `one` nor `few` applies.
        rest: The category of all other numbers.
    """

    def category(n: int) -> str:
        if n % 100 in teens:
            return rest
        if n % 10 == 1:
            return "one"
        return "few" if n % 10 in few else rest

    return category


_EAST_SLAVIC = _by_last_digit(range(2, 5), _TEENS, "many")


def _polish(n: int) -> str:
    if n == 1:
        return "one"
    category = _EAST_SLAVIC(n)
    return "many" if category == "one" else category


# Every other language has two categories, of which "one" is for 1 only.
_RULES: dict[str, Callable[[int], str]] = {
    **dict.fromkeys(("fr", "hi", "kn", "pt", "pt-BR"), _zero_is_one),
    **dict.fromkeys(("id", "ja", "ko", "ms", "th", "vi", "zh", "zh-HK"), _only_other),
    **dict.fromkeys(("cs", "sk"), _czech),
    **dict.fromkeys(("ru", "uk"), _EAST_SLAVIC),
    "ar": _arabic,
    "he": _hebrew,
    "hr": _by_last_digit(range(2, 5), _TEENS, "other"),
    "lt": _by_last_digit(range(2, 10), _TEENS, "other"),
    "pl": _polish,
    "ro": _romanian,
    "tl": _filipino,
}


def plural_category(locale: str, n: int) -> str:
    """Return the category of *n*, a whole number, such as `one`.

    Args:
        locale: BCP 47 tag of a language of the texts.
        n: The number.
    """
    return _RULES.get(locale, _one_or_other)(n)
