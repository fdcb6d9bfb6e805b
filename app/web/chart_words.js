// Names beside the lines of a panel, where the view is clearest.

import { textWidth } from './dom.js'
import { Spots, around } from './spots.js'

const SAMPLES = 24 // places along a line that are tried
const ALIKE = 1500 // cost of a name where its line runs together with another
const STEP = 3 // pixels between the points of a line that names keep off
const STROKES = { solid: '━', dash: '╍', longdash: '━', dot: '┅' }

/** The way of a line in the pixels of its panel, as far as it is near. */
function wayOf({ x, y }, { left, top, width, height, toX, toY }) {
  return x
    .map((value, i) => [toX(value) - left, y[i] === null ? NaN : toY(y[i]) - top])
    .filter((point) => point.every(Number.isFinite))
    .map(([px, py]) => [Math.max(-30, Math.min(width + 30, px)), Math.max(-30, Math.min(height + 30, py))])
    .toSorted(([a], [b]) => a - b)
    .filter(farFromKept())
}

/** Says of points in turn whether each is a step away from the last that was kept. */
function farFromKept(last = [-Infinity, 0]) {
  return (point) => {
    const far = Math.hypot(point[0] - last[0], point[1] - last[1]) >= STEP
    if (far) last = point
    return far
  }
}

function spotsOf(ways, { width, height }) {
  const spots = new Spots(width, height)
  ways.forEach((points) => {
    spots.keepPoints(points, 4)
    spots.keepWay(points, 10, 4)
  })
  return spots
}

const inPanel = (lines, panel) => lines.filter(({ trace, hidden, on }) => !hidden && trace.meta && on === panel.y)

/** Annotations that name each line beside it, in the panel in which all find the clearest places. */
export function namesAlong(lines, panels, notes, look) {
  const tried = panels.map((panel) => namesIn(panel, inPanel(lines, panel), notes, look))
  return tried.reduce((best, one) => (one.cost < best.cost ? one : best), { cost: Infinity, names: [] }).names
}

function namesIn(panel, lines, notes, { font, theme }) {
  const ways = lines.map((line) => wayOf(line, panel))
  const spots = spotsOf(ways, panel)
  spots.keep(0, panel.height - font * 0.9, panel.width, panel.height) // the eigenvalues' marks
  keepNotes(spots, panel, notes, font, theme)
  let cost = 0
  const names = lines.map(({ trace: { line, meta } }, i) => {
    const stroke = STROKES[line.dash] ?? '━'
    const [wide, high] = [textWidth(`${stroke} ${meta.label}`, font, theme.font, 600) + 6, font * 1.25]
    const [x, y] = spots.place(candidatesFor(ways, i, { wide, high, font, ...panel }), wide, high)
    cost += spots.cost
    return {
      xref: `${panel.x} domain`, yref: `${panel.y} domain`, x: x / panel.width, y: 1 - y / panel.height,
      xanchor: 'left', yanchor: 'top', showarrow: false, borderpad: 0, font: { size: font },
      bgcolor: `${theme.background}cc`,
      text: `<span style="color:${theme.shade(line.color)}">${stroke}</span> <b>${meta.label}</b>`,
    }
  })
  return { names, cost }
}

/** Keep off the words that the figure has in the panel, and off the upright lines they name. */
function keepNotes(spots, panel, notes, font, theme) {
  for (const { text, x, xref, xanchor, y, yref } of notes) {
    if (xref.replace(' domain', '') !== panel.x) continue
    const left = xref.endsWith('domain') ? x * panel.width : panel.toX(10 ** x) - panel.left
    const top = yref.endsWith('domain') ? (1 - y) * panel.height : panel.toY(y) - panel.top
    const wide = textWidth(text.replace(/<[^>]*>/g, ''), font, theme.font) + 8
    const start = xanchor === 'right' ? left - wide : left
    spots.keep(start, top - font, start + wide, top + font)
    if (!xref.endsWith('domain')) spots.keep(left - 3, 0, left + 3, panel.height)
  }
}

/** Places beside a line, dearer the further away and the nearer to other lines. */
function candidatesFor(ways, own, { wide, high, width, height, font }) {
  const others = ways.filter((_, i) => i !== own).flat()
  const alone = ([x, y]) => Math.min(1, ...others.map(([ox, oy]) => Math.hypot(x - ox, y - oy) / (1.5 * font)))
  const inside = ways[own].filter(([x, y]) => x > 4 && x < width - 4 && y > 0 && y < height)
  if (!inside.length) return [[4, 4, 1e4]]
  const at = (i) => Math.round((1 - i / (SAMPLES - 1)) * (inside.length - 1)) // from the right
  const places = Array.from({ length: SAMPLES }, (_, i) => inside[at(i)])
  return [0.4, 1.2, 2.5].flatMap((far) =>
    places.flatMap((place) => around(place, wide, high, far * font, 60 * far + ALIKE * (1 - alone(place)))))
}
