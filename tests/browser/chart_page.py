"""Reading and moving the live chart as a person's browser shows it."""

from __future__ import annotations

READY = "document.querySelector('.js-plotly-plot')?.data?.[0]?.x?.length"
LONG = 20_000  # milliseconds


def open_page(page, gallery, *writers, **query):
    runs = ",".join(writer.run for writer in writers)
    extra = "".join(f"&{name}={value}" for name, value in query.items())
    page.goto(f"{gallery.url}/?run={runs}{extra}")
    page.wait_for_selector(".pp-chart")


def wait_for_points(page, count, trace=0):
    page.wait_for_function(
        f"document.querySelector('.js-plotly-plot')?.data?.[{trace}]?.x?.length >= {count}",
        timeout=LONG,
    )


def chart(page):
    """Read what the chart shows."""
    return page.evaluate(
        """() => {
          const gd = document.querySelector('.js-plotly-plot')
          const { xaxis, yaxis, annotations = [], shapes = [] } = gd.layout
          return {
            x: xaxis.range, y: yaxis.range, type: yaxis.type, xTitle: xaxis.title.text,
            background: gd.layout.paper_bgcolor,
            visible: gd.data.map((trace) => trace.visible),
            names: gd.data.map((trace) => trace.name),
            last: gd.data.map((trace) => trace.x[trace.x.length - 1]),
            labels: annotations.map((one) => one.text),
            lines: shapes.map((one) => one.x0),
          }
        }"""
    )


def drag(page, x0, y0, x1, y1):
    """Drag over the plot; places are shares of its width and height."""
    box = page.locator(".js-plotly-plot .nsewdrag").first.bounding_box()
    at = lambda x, y: (box["x"] + x * box["width"], box["y"] + y * box["height"])  # noqa: E731
    page.mouse.move(*at(x0, y0))
    page.mouse.down()
    page.mouse.move(*at((x0 + x1) / 2, (y0 + y1) / 2), steps=4)
    page.mouse.move(*at(x1, y1), steps=4)
    page.mouse.up()
