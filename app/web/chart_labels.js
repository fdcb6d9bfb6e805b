// Names of the lines: at their ends, or as a legend above. Each is a button that hides its line.

import { make } from './dom.js'
import { labelsAtEnds, measures, named } from './chart_figure.js'

const DASHES = { dash: '7 4', dot: '2 3', longdash: '11 4', dashdot: '7 3 2 3', longdashdot: '11 3 2 3' }

/** Draw the names into `ends` or `legend`; `toggle(label)` hides or shows a line. */
export function drawLabels({ gd, ends, legend, lines, ranges, options, width, toggle }) {
  const atEnds = labelsAtEnds(lines, width)
  const shown = named(lines)
  sync(atEnds ? ends : legend, shown, options, toggle)
  ;(atEnds ? legend : ends).replaceChildren()
  legend.hidden = atEnds || shown.length === 0
  if (atEnds && gd._fullLayout) placeAtEnds(ends, shown, ranges, gd._fullLayout._size, options)
}

/** Keep the buttons: replacing them would take the keyboard's focus away. */
function sync(box, shown, options, toggle) {
  const wanted = JSON.stringify(shown.map((line) => [line.trace.label, line.color, line.trace.dash]))
  if (box.dataset.names !== wanted) {
    box.dataset.names = wanted
    box.replaceChildren(...shown.map((line) => button(line, options, toggle)))
  }
  shown.forEach((line, index) => {
    box.children[index]?.setAttribute('aria-pressed', String(!line.hidden))
  })
  if (!shown.length) delete box.dataset.names
}

function button({ trace, color }, options, toggle) {
  const size = measures(options.lecture)
  const stroke = Math.max(2, trace.width * size.line)
  const dash = DASHES[trace.dash] ? ` stroke-dasharray="${DASHES[trace.dash]}"` : ''
  const swatch = make('span', { class: 'pp-swatch', 'aria-hidden': 'true' })
  swatch.innerHTML =
    `<svg width="${size.swatch - 6}" height="10"><line x1="0" y1="5" x2="${size.swatch - 6}" y2="5" ` +
    `stroke="${color.replace(/[^#\w(),.% ]/g, '')}" stroke-width="${stroke}"${dash}/></svg>`
  const name = make('span', { class: 'pp-name' }, trace.label)
  return make(
    'button',
    {
      type: 'button', class: 'pp-label', title: `Hide or show “${trace.label}”`,
      onclick: () => toggle(trace.name ?? trace.label),
    },
    swatch,
    name,
  )
}

function placeAtEnds(box, shown, ranges, plot, options) {
  const gap = measures(options.lecture).font * 1.45
  const middle = (line) => {
    const value = lastInside(line, ranges.x)
    const scaled = ranges.log ? Math.log10(value) : value
    const share = (scaled - ranges.y[0]) / (ranges.y[1] - ranges.y[0])
    return Number.isFinite(share) ? plot.t + plot.h * (1 - Math.min(1, Math.max(0, share))) : plot.t
  }
  const places = shown.map((line, index) => ({ index, y: middle(line) })).sort((a, b) => a.y - b.y)
  for (let i = 1; i < places.length; i += 1) {
    places[i].y = Math.max(places[i].y, places[i - 1].y + gap)
  }
  let limit = plot.t + plot.h
  for (const place of [...places].reverse()) {
    place.y = Math.min(place.y, limit)
    limit = place.y - gap
  }
  for (const { index, y } of places) {
    const element = box.children[index]
    element.style.left = `${plot.l + plot.w + 6}px`
    element.style.transform = `translateY(${Math.round(y)}px) translateY(-50%)`
    element.style.visibility = shown[index].y.length ? 'visible' : 'hidden'
  }
}

/** The last value left of the frame's right edge. */
function lastInside({ x, y }, range) {
  let found = NaN
  for (let i = 0; i < x.length && x[i] <= range[1]; i += 1) if (y[i] !== null) found = y[i]
  return found
}
