"""Stylesheets, scripts and images of the pages."""

from __future__ import annotations

from flask import Blueprint, Response, send_file
from flask.typing import ResponseReturnValue

from otp_engine.config.verify_page import VerifyPageSettings
from otp_engine.web import vendor


def blueprint(hosted: VerifyPageSettings) -> Blueprint:
    """Build the views under `/assets`.

    Args:
        hosted: The settings of the pages, with their color and logo.

    Returns:
        The blueprint `assets`.
    """
    bp = Blueprint(
        "assets", __name__, static_folder="static", static_url_path="/assets"
    )

    @bp.get("/assets/color.css")
    def color() -> ResponseReturnValue:
        return Response(_button_style(hosted.color), mimetype="text/css")

    @bp.get("/assets/logo")
    def logo() -> ResponseReturnValue:
        if hosted.logo is None:
            return "", 404
        response = send_file(hosted.logo)
        # An SVG can contain a script, which would run when the file is opened alone.
        response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
        return response

    vendor.add_to(bp)

    @bp.after_request
    def forbid_sniffing(response: Response) -> Response:
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    return bp


def _button_style(color: str | None) -> str:
    """Return the style of buttons in *color*, with black or white text by contrast."""
    if color is None:
        return ""
    red, green, blue = (_linear(int(color[n : n + 2], 16) / 255) for n in (1, 3, 5))
    # WCAG 2.2, relative luminance and contrast ratio.
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    text = "#000" if (luminance + 0.05) ** 2 > 0.05 * 1.05 else "#fff"
    return f":root {{ --button: {color}; --on-button: {text}; }}\n"


def _linear(channel: float) -> float:
    threshold = 0.04045
    return (
        channel / 12.92 if channel <= threshold else ((channel + 0.055) / 1.055) ** 2.4
    )
