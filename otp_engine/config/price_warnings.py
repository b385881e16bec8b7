"""Warnings about prices that the budget cannot rely on."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta

import phonenumbers

from otp_engine.config import price_lists
from otp_engine.config.settings import Settings
from otp_engine.domain.models import Channel
from otp_engine.domain.money import amounts
from otp_engine.domain.phones import numbering_plans, numbers

_MAX_AGE = timedelta(days=180)
_MAX_NAMES = 5


def collect(settings: Settings, today: date) -> list[str]:
    """Return a sentence for countries and channels without a price, and an old list.

    Args:
        settings: The settings. The built-in prices matter with a budget only.
        today: The date in UTC.
    """
    prices = settings.prices
    if not settings.policy.budget and price_lists.is_default(prices):
        return []
    warnings = []
    missing = prices.missing(_countries(settings.policy.allowed_countries), Channel.SMS)
    if missing:
        names = ", ".join(missing[:_MAX_NAMES])
        more = ", ..." if len(missing) > _MAX_NAMES else ""
        highest = amounts.format_amount(prices.highest(Channel.SMS))
        warnings.append(
            f"{prices.source}: no price for {len(missing)} of the allowed countries"
            f" ({names}{more}): their messages count as {highest} {prices.currency}"
            " each, the highest price"
        )
    if unpriced := _unpriced_channels(settings):
        highest = amounts.format_amount(prices.highest(unpriced[0]))
        warnings.append(
            f"{prices.source}: no price of {', '.join(unpriced)}: their messages count"
            f" as {highest} {prices.currency} each, the highest price of all. Set"
            " OTP_PRICES to a list with them"
        )
    if prices.as_of and today - prices.as_of > _MAX_AGE:
        warnings.append(
            f"{prices.source}: the prices are of {prices.as_of}: the budget can be"
            " passed where they have risen. Set OTP_PRICES to a list of today"
        )
    return warnings


def _unpriced_channels(settings: Settings) -> list[Channel]:
    """Return the channels of phones, beside text messages, that lack a price.

    Messages of the console cost nothing.
    """
    offered = {
        channel
        for name, channels in settings.channels_by_provider.items()
        if name != "console"
        for channel in channels
    }
    priced = {channel for _, channel in settings.prices.by_country}
    unpriced = offered - priced - {Channel.SMS, Channel.EMAIL}
    return [channel for channel in Channel if channel in unpriced]


def _countries(allowed: Collection[str]) -> set[str]:
    """Return the countries that messages to *allowed* countries count under."""
    if numbers.COUNTRY_WILDCARD in allowed:
        allowed = phonenumbers.SUPPORTED_REGIONS
    return {
        numbering_plans.main_country(country)
        for country in allowed
        if numbers.has_mobile_numbers(country)
    }
