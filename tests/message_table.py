"""Write the table of all languages into `docs/messages.md`: `make message-table`."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from otp_engine.domain.messages import segments, sms, texts
from otp_engine.domain.messages.country_languages import BY_COUNTRY
from otp_engine.domain.messages.languages import LOCALES

PAGE = Path(__file__).parent.parent / "docs" / "messages.md"
HEADER = "| tag | language | default in | encoding | length | text |"
_END = "\n\n"
BRAND = "Acme Global"


def render(language: str) -> sms.Rendered:
    """Return the text of a code of six digits that lives for ten minutes."""
    return sms.render(
        code="123456",
        brand=BRAND,
        ttl=timedelta(minutes=10),
        language=language,
    )


def table() -> str:
    """Return the table in Markdown."""
    return "\n".join([HEADER, "|---|---|---|---|---|---|", *map(_row, sorted(LOCALES))])


def _row(language: str) -> str:
    text = render(language).text
    size = segments.measure(text)
    countries = sorted(code for code, tag in BY_COUNTRY.items() if tag == language)
    cells = (
        f"`{language}`",
        texts.load(language).name,
        "all others" if language == "en" else " ".join(countries) or "–",
        size.encoding,
        str(size.units),
        f"`{text}`",
    )
    return f"| {' | '.join(cells)} |"


def updated(page: str) -> str:
    """Return *page* with the current table in place of its own."""
    before, _, rest = page.partition(HEADER)
    _, separator, after = rest.partition(_END)
    return f"{before}{table()}{separator}{after}"


if __name__ == "__main__":
    PAGE.write_text(updated(PAGE.read_text()))
