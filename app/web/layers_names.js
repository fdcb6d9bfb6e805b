// Where each line's name goes: beside it, in the panel in which all names find the clearest places.

import { Spots, textWidth } from './quadratic_svg.js'

const SAMPLES = 24 // places along a line that are tried
const ALIKE = 1500 // cost of a name where its line runs together with another
const STROKES = { solid: '━', dash: '╍', longdash: '━', dot: '┅' }

/** Return the names as Plotly annotations for what `plot` shows. */
export function nameLines(plot, theme, font) {
  const { _fullLayout: full, data } = plot
  const panels = new Map()
  for (const trace of data) {
    if (!trace.meta) continue
    const at = trace.xaxis ?? 'x'
    if (!panels.has(at)) panels.set(at, [])
    panels.get(at).push(trace)
  }
  const found = [...panels].map(([at, traces]) => namesIn(full, at, traces, theme, font))
  const best = found.reduce((a, b) => (b.cost < a.cost ? b : a), { cost: Infinity, names: [] })
  return best.names
}

function namesIn(full, at, traces, theme, font) {
  const xaxis = full[at.replace('x', 'xaxis')]
  const yaxis = full[(traces[0].yaxis ?? 'y').replace('y', 'yaxis')]
  const [width, height] = [xaxis._length, yaxis._length]
  const spots = new Spots(width, height)
  const ways = traces.map((trace) => way(trace, xaxis, yaxis))
  ways.forEach((points) => {
    spots.keepPoints(points, 4)
    spots.keepWay(points, 10, 4)
  })
  spots.keep(0, height - font * 0.9, width, height) // the eigenvalues' marks
  keepWords(spots, full, at, xaxis, yaxis, font)
  let cost = 0
  const names = traces.map((trace, i) => {
    const text = `${STROKES[trace.line.dash] ?? '━'} ${trace.meta}`
    const [wide, high] = [textWidth(text, font, theme.font) + 6, font * 1.25]
    const [x, y] = spots.place(candidates(ways, i, { wide, high, width, height, font }), wide, high)
    cost += spots.cost
    return annotation({ full, xaxis, yaxis, x, y, trace, theme, font })
  })
  return { names, cost }
}

/** The line in pixels of its panel, as far as it is inside. */
function way({ x, y }, xaxis, yaxis) {
  const height = yaxis._length
  return Array.from(x, (value, i) => [xaxis.d2p(value), yaxis.d2p(y[i])])
    .filter((point) => point.every(Number.isFinite))
    .map(([px, py]) => [px, Math.max(-30, Math.min(height + 30, py))])
    .sort(([a], [b]) => a - b)
}

/** What the server wrote into the panel already. */
function keepWords(spots, full, at, xaxis, yaxis, font) {
  for (const note of full.annotations ?? []) {
    if (note.xref !== at) continue
    const x = xaxis.l2p(note.x)
    const y = yaxis.l2p(note.y)
    const wide = note.text.replace(/<[^>]*>/g, '').length * font * 0.62
    const left = note.xanchor === 'right' ? x - wide : x
    spots.keep(left, y - font, left + wide, y + font)
  }
  for (const shape of full.shapes ?? []) {
    if (shape.xref === at && shape.x0 === shape.x1) spots.keep(xaxis.d2p(shape.x0) - 3, 0, xaxis.d2p(shape.x0) + 3, yaxis._length)
  }
}

function candidates(ways, own, { wide, high, width, height, font }) {
  const others = ways.filter((_, i) => i !== own).flat()
  const alone = ([x, y]) => Math.min(1, Math.min(...others.map(([ox, oy]) => Math.hypot(x - ox, y - oy))) / (1.5 * font))
  const inside = ways[own].filter(([x, y]) => x > 4 && x < width - 4 && y > 0 && y < height)
  if (!inside.length) return [[4, 4, 1e4]]
  const places = Array.from({ length: SAMPLES }, (_, i) => inside[Math.round(((SAMPLES - 1 - i) / (SAMPLES - 1)) * (inside.length - 1))])
  return [0.4, 1.2, 2.5].flatMap((far) => {
    const gap = far * font
    return places.flatMap(([x, y]) => {
      const cost = 60 * far + ALIKE * (1 - alone([x, y]))
      const corners = [[x - wide / 2, y - high - gap], [x - wide / 2, y + gap], [x - wide - gap, y - high / 2], [x + gap, y - high / 2]]
      return corners.map(([left, top]) => [left, top, cost])
    })
  })
}

function annotation({ full, xaxis, yaxis, x, y, trace, theme, font }) {
  const { l, t, w, h } = full._size
  const stroke = `<span style="color:${trace.line.color}">${STROKES[trace.line.dash] ?? '━'}</span>`
  return {
    xref: 'paper', yref: 'paper', x: (xaxis._offset + x - l) / w, y: 1 - (yaxis._offset + y - t) / h,
    xanchor: 'left', yanchor: 'top', showarrow: false, text: `${stroke} <b>${trace.meta}</b>`, borderpad: 0,
    font: { size: font, color: theme.text }, bgcolor: `${theme.background}cc`, name: 'line',
  }
}
