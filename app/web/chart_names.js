// Names of the lines: buttons that hide them, at their ends or as a legend.

import { make } from './dom.js'
import { swatch } from './svg.js'

/** The lines that have a name, once each; one that holds no number has none. */
export function namedOf(lines) {
  const seen = new Set()
  const measured = lines.filter(({ named, y }) => named && !(y.length && y.every((value) => value === null)))
  return measured.filter(({ owner }) => !seen.has(owner) && seen.add(owner))
}

/** Draw the names into a box; `toggle(owner)` hides or shows a line. Buttons stay: they may have the focus. */
export function drawNames(box, lines, { font, theme, toggle }) {
  const wanted = JSON.stringify([font, theme.dark, lines.map(({ name, trace }) => [name, trace.line])])
  if (box.dataset.names !== wanted) {
    box.dataset.names = wanted
    box.replaceChildren(...lines.map(({ name, owner, trace: { line } }) => {
      const sample = swatch({ ...line, color: theme.shade(line.color) }, { font, line: Math.max(2, line.width) })
      const title = `Hide or show “${name}”`
      return make('button', { type: 'button', class: 'pp-label', title, onclick: () => toggle(owner) }, sample, name)
    }))
  }
  lines.forEach(({ hidden }, index) => box.children[index].setAttribute('aria-pressed', String(!hidden)))
}

/** Put the names beside the last points in a panel's frame, pushed apart where they would touch. */
export function placeNames(box, lines, panel, gap) {
  const heights = spread(lines.map((line) => heightAt(line, panel)), panel.top + panel.height, gap)
  heights.forEach((y, index) => {
    const { style } = box.children[index]
    style.left = `${panel.left + panel.width + 6}px`
    style.transform = `translateY(${Math.round(y)}px) translateY(-50%)`
    style.visibility = lines[index].y.length ? 'visible' : 'hidden'
  })
}

/** Where a line leaves the frame at its right edge. */
function heightAt({ x, y }, { left, top, width, height, toX, toY }) {
  const last = y.findLast((value, i) => value !== null && toX(x[i]) <= left + width + 0.5)
  const at = last === undefined ? top : toY(last)
  return Number.isFinite(at) ? Math.min(top + height, Math.max(top, at)) : top
}

/** Heights at least `gap` apart and none below `bottom`, in the order and near the places given. */
export function spread(wanted, bottom, gap) {
  const places = wanted.map((y, index) => ({ index, y })).toSorted((a, b) => a.y - b.y)
  for (let i = 1; i < places.length; i += 1) places[i].y = Math.max(places[i].y, places[i - 1].y + gap)
  let limit = bottom
  for (const place of places.toReversed()) {
    place.y = Math.min(place.y, limit)
    limit = place.y - gap
  }
  return places.toSorted((a, b) => a.index - b.index).map(({ y }) => y)
}
