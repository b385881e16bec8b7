"""The style, the scripts and the pictures of the pages, shipped with them."""

from __future__ import annotations

from flask import Blueprint, Response, send_file
from flask.typing import ResponseReturnValue

from otp_engine.config.verify_page import VerifyPageSettings


def blueprint(hosted: VerifyPageSettings) -> Blueprint:
    """Serve them under `/assets`, with the color and the logo of *hosted*."""
    bp = Blueprint(
        "assets", __name__, static_folder="static", static_url_path="/assets"
    )

    @bp.get("/assets/color.css")
    def color() -> ResponseReturnValue:
        return Response(_rule(hosted.color), mimetype="text/css")

    @bp.get("/assets/logo")
    def logo() -> ResponseReturnValue:
        if hosted.logo is None:
            return "", 404
        answer = send_file(hosted.logo)
        # An SVG can hold a script, and nobody has to open it by itself.
        answer.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
        return answer

    @bp.after_request
    def guard(response: Response) -> Response:
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    return bp


def _rule(color: str | None) -> str:
    """What buttons look like in *color*, with letters that can be read on it."""
    if color is None:
        return ""
    red, green, blue = (_linear(int(color[n : n + 2], 16) / 255) for n in (1, 3, 5))
    # WCAG 2.2, relative luminance and contrast ratio.
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    letters = "#000" if (luminance + 0.05) ** 2 > 0.05 * 1.05 else "#fff"
    return f":root {{ --button: {color}; --on-button: {letters}; }}\n"


def _linear(part: float) -> float:
    low = 0.04045
    return part / 12.92 if part <= low else ((part + 0.055) / 1.055) ** 2.4
