from __future__ import annotations

from otp_engine.domain.messages import segments, texts
from otp_engine.domain.messages.languages import LOCALES
from tests import message_table

PAGE = message_table.PAGE.read_text()


def test_page_has_the_current_texts():
    assert message_table.updated(PAGE) == PAGE, "run `make message-table`"
    assert PAGE.count("\n| `") >= len(LOCALES)


def test_page_names_the_languages_in_ucs_2():
    names = {
        texts.load(tag).name.partition(" ")[0]
        for tag in LOCALES
        if segments.measure(message_table.render(tag).text).encoding == "UCS-2"
    }

    (line,) = (line for line in PAGE.splitlines() if line.endswith(" are in UCS-2."))
    listed = line.removesuffix(" are in UCS-2.").replace(" and ", ", ").split(", ")
    assert listed == sorted(names)
