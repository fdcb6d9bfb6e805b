"""Streamlit components whose code comes from our own route, loaded once and cached for good."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import streamlit as st

from app.charts.theme import PALETTES
from app.live.assets import module_url

# Streamlit resends a component's script on every run, so the script only fetches the module. It is
# called again whenever data or theme change, and may call a stale cleanup: `mount` copes with both.
LOADER = """
export default async function (component) {
  const url = new URL(component.data.module, document.baseURI)
  const module = await import(url.href)
  return module.mount(component)
}
"""


@cache
def _register(name: str) -> Callable[..., Any]:
    return st.components.v2.component(f"proxprop_{name}", js=LOADER, isolate_styles=False)


def mount(name: str, data: dict[str, Any], *, key: str, height: int | None, **events: Any) -> Any:
    """Place the component of module `name` on the page.

    Args:
        name: File in `app/web` without its ending.
        data: JSON-able properties.
        key: Identity on the page; what a person did (zoom, hidden traces) belongs to it.
        height: Pixels kept free from the first moment, so that nothing jumps; None lets the
            content decide.
        **events: `on_<name>_change` callbacks of triggers the module fires.

    Returns:
        Streamlit's result object with the component's state.
    """
    return _register(name)(
        key=key,
        data={"module": module_url(name), "palettes": PALETTES, "key": key, **data},
        height="content" if height is None else height,
        **events,
    )
