"""A sketch for each lesson: explicit warm and dashed, implicit cool, grey what limits them."""

from __future__ import annotations

from base64 import b64encode

from app.charts.theme import GREY, line_style

# Lesson → what is drawn in 240 × 64: paths of the explicit and the implicit side, and grey ones.
PATHS: dict[str, tuple[str, str, str]] = {
    "penalty": (
        "M30 50H80M110 50H160",
        "M190 50V14M190 14H140M110 14H60",
        "M30 50h1M95 50h1M175 50h1M190 14h1M125 14h1M45 14h1",
    ),
    "quadratic": (
        "M120 40L150 24L84 18L176 12L50 6L214 2",
        "M30 12C60 40 90 44 120 44",
        "M20 4C60 58 180 58 220 4",
    ),
    "real-layer": ("M10 12H120L190 62", "M10 12C110 12 150 40 230 54", "M10 56H230M160 4V60"),
    "descent": ("M30 54L60 14", "M30 54L110 26L160 34L225 8", "M30 54H232M30 54L120 4"),
    "whole-network": (
        "M20 16h8M34 16h8M48 16h8",
        "M20 44h8M34 44h8M48 44h8M62 44h8M76 44h8M90 44h8M104 44h8M118 44h8M132 44h8",
        "M66 10l8 10M74 10l-8 10M84 10l8 10M92 10l-8 10M150 38l8 10M158 38l-8 10",
    ),
    "race": ("M12 8C60 24 130 34 230 38", "M12 8C30 44 90 54 230 58", "M12 4V60H232"),
    "optimizers": (
        "M12 8C80 20 150 30 230 34M12 12C80 26 150 38 230 42",
        "M12 16C50 44 130 50 230 52M12 20C50 52 130 58 230 59",
        "M12 4V62H232",
    ),
    "limits": ("M12 8C60 30 130 40 230 44", "M12 8C40 40 90 30 120 28S180 8 228 2", "M12 4V60H232"),
    "running": (
        "M12 8C80 24 150 34 230 38",
        "M12 8C40 46 110 54 230 57",
        "M36 4v56M84 4v56",
    ),
}
LINES = ("explicit", "exact")


def sketch(lesson: str) -> str:
    """Return a lesson's drawing, as the address of an image that holds it."""
    explicit, implicit, grey = PATHS[lesson]
    lines = "".join(
        f'<path d="{path}" stroke="{line_style(solver).color}"/>'
        for solver, path in zip(LINES, (explicit, implicit))
    )
    drawing = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 240 64" fill="none" '
        'stroke-width="3" stroke-linecap="round" stroke-linejoin="round">'
        f'<path d="{grey}" stroke="{GREY}" stroke-width="1.5"/>{lines}</svg>'
    )
    return f"data:image/svg+xml;base64,{b64encode(drawing.encode()).decode()}"
