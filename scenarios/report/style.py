"""Colours and layout shared by all figures: grey for what is normal, colour for what is not."""

from __future__ import annotations

from typing import Any

INK, DARK, MID, LIGHT, FAINT = "#22262b", "#4a5058", "#8b929b", "#c4c9cf", "#e6e8eb"
RED, AMBER, PALE_RED = "#b3261e", "#c77700", "#dd9f9b"

ARM_LINES: dict[str, dict[str, Any]] = {
    "baseline": {"color": LIGHT, "width": 3},
    "nuisance": {"color": MID, "width": 1, "dash": "dot"},
    "defended": {"color": INK, "width": 1.6},
    "undefended": {"color": RED, "width": 1.6},
}
"""Only the arm in which harm is let happen is coloured."""


def layout(y_title: str, height: int = 260, **more: Any) -> dict[str, Any]:
    """Layout of one panel over simulated hours."""
    axis = {
        "gridcolor": FAINT,
        "linecolor": LIGHT,
        "zeroline": False,
        "ticks": "outside",
        "tickcolor": LIGHT,
    }
    base: dict[str, Any] = {
        "height": height,
        "margin": {"l": 64, "r": 16, "t": 34, "b": 44},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "#ffffff",
        "font": {"family": "system-ui, sans-serif", "size": 12, "color": DARK},
        "hovermode": "x unified",
        "hoverlabel": {"bgcolor": "#ffffff", "bordercolor": LIGHT},
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        "xaxis": {**axis, "title": {"text": "simulated time (h)"}},
        "yaxis": {**axis, "title": {"text": y_title, "standoff": 10}, "automargin": True},
    }
    for key, value in more.items():
        base[key] = {**base[key], **value} if isinstance(base.get(key), dict) else value
    return base


def line(x: list[float], y: list[float | None], name: str, **style: Any) -> dict[str, Any]:
    """A line trace; gaps stay gaps."""
    return {
        "type": "scatter",
        "mode": "lines",
        "x": x,
        "y": y,
        "name": name,
        "line": style,
        "connectgaps": False,
    }


def level(y: float, text: str, colour: str = MID) -> tuple[dict[str, Any], dict[str, Any]]:
    """A horizontal limit with its label: (shape, annotation)."""
    shape = {
        "type": "line",
        "xref": "paper",
        "x0": 0,
        "x1": 1,
        "y0": y,
        "y1": y,
        "line": {"color": colour, "width": 1, "dash": "dash"},
        "layer": "below",
    }
    note = {
        "xref": "paper",
        "x": 1,
        "xanchor": "right",
        "y": y,
        "yanchor": "bottom",
        "text": text,
        "showarrow": False,
        "font": {"size": 11, "color": colour},
    }
    return shape, note
