"""Dataclasses as JSON, for stored values.

Fields that another release added are ignored, and fields that it did not write have
their defaults.
"""

from __future__ import annotations

from datetime import timedelta

from cattrs.preconf.json import make_converter

# Without detailed validation it raises the plain KeyError, TypeError or ValueError.
converter = make_converter(detailed_validation=False)
converter.register_unstructure_hook(timedelta, timedelta.total_seconds)
converter.register_structure_hook(
    timedelta, lambda seconds, _: timedelta(seconds=seconds)
)
converter.register_unstructure_hook(bytes, bytes.hex)
converter.register_structure_hook(bytes, lambda text, _: bytes.fromhex(text))
# The hook of cattrs for optional values looks up the hook of the type with each value,
# which takes a third of the time of reading an event.
converter.register_structure_hook(
    str | None, lambda text, _: None if text is None else str(text)
)
