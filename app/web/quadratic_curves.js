// Beside the plane: what one step leaves of each component, over the spectrum.

import { shape, textWidth } from './dom.js'
import { number } from './format.js'
import { SPECTRUM_END } from './quadratic_reading.js'
import { shortName } from './quadratic_words.js'
import { Spots, around } from './spots.js'
import { label, stroke, subscripted, tag, tagSize, through, upright } from './svg.js'

const LOW = -2
const HIGH = 1.25
const ORDER = ['momentum', 'explicit', 'exact', 'cg']

export function drawCurves(svg, reading, { looks, size, theme, width, height }) {
  const font = size.font
  const inner = { left: font * 3.3, right: width - font * 0.9, top: font * 0.9, bottom: height - font * 3.4 }
  const x = (value) => inner.left + (value / SPECTRUM_END) * (inner.right - inner.left)
  const y = (value) => inner.bottom - ((value - LOW) / (HIGH - LOW)) * (inner.bottom - inner.top)
  const scene = { x, y, inner, size, theme, looks, width, height, k: reading.values.k }
  const spots = new Spots(width, height)
  const kinds = ORDER.filter((kind) => reading.lines[kind])
  svg.setAttribute('viewBox', `0 0 ${width} ${height}`)
  const clip = shape('clipPath', { id: 'pp-quadratic-clip' }, rectangle(inner))
  const marks = [...eigenvalues(reading, scene, spots), ...limit(reading, scene, spots)]
  const curves = kinds.map((kind) => curve(kind, reading, scene, spots))
  svg.replaceChildren(
    shape('defs', {}, clip), band(scene), ...axes(scene), ...bandWords(scene, spots), ...marks, ...curves,
    ...kinds.flatMap((kind) => dots(kind, reading, scene)), ...names(kinds, reading, scene, spots),
  )
}

function rectangle({ left, right, top, bottom }) {
  return shape('rect', { x: left, y: top, width: right - left, height: bottom - top })
}

/** Between −1 and 1 a component shrinks. */
function band({ x, y, theme, inner }) {
  return shape('rect', {
    x: x(0), y: y(1), width: inner.right - inner.left, height: y(-1) - y(1), fill: theme.text, 'fill-opacity': 0.05,
  })
}

/** What the band means, where no line is in the way. */
function bandWords({ y, theme, size, inner }, spots) {
  const font = size.font * size.small
  return [[['shrinks'], -0.35], [['grows, flipping its sign', 'grows'], 1.2]].flatMap(([choices, down]) => {
    const base = y(-1) + down * size.font
    for (const text of choices) {
      const wide = textWidth(text, font, theme.font)
      for (const at of [inner.left + 6, inner.right - wide - 4, (inner.left + inner.right - wide) / 2]) {
        if (!spots.free(at, base - font * 0.8, at + wide, base + font * 0.25)) continue
        return [label(text, at, base, { size, theme, color: theme.muted, scale: size.small })]
      }
    }
    return []
  })
}

function axes({ y, inner, size, theme, height }) {
  const parts = []
  for (const tick of [-2, -1, 0, 1]) {
    parts.push(
      shape('line', {
        x1: inner.left, x2: inner.right, y1: y(tick), y2: y(tick), stroke: tick === 0 ? theme.line : theme.grid,
        'stroke-width': 1,
      }),
      label(String(tick).replace('-', '−'), inner.left - 7, y(tick) + size.font * 0.36, {
        size, theme, anchor: 'end', color: theme.muted, scale: size.small,
      }),
    )
  }
  const side = upright('factor in one step', size.font * 0.95, (inner.top + inner.bottom) / 2, { size, theme })
  const title = label('eigenvalue λ', (inner.left + inner.right) / 2, height - size.font * 0.45, {
    size, theme, anchor: 'middle',
  })
  return [...parts, side, title]
}

/** Both eigenvalues as thin lines with their names below the axis. */
function eigenvalues({ eigenvalues: [steep, flat] }, { x, inner, size, theme }, spots) {
  const same = steep === flat
  const marks = same
    ? [['λ = 1', steep, 'middle']]
    : [[`λ_min = ${number(flat)}`, flat, 'start'], ['λ_max = 1', steep, 'middle']]
  return marks.flatMap(([text, value, anchor]) => {
    const at = x(value)
    const from = anchor === 'start' ? Math.max(inner.left, at - size.font * 1.5) : at
    spots.keep(at - 2, inner.top, at + 2, inner.bottom)
    return [
      shape('line', { x1: at, x2: at, y1: inner.top, y2: inner.bottom, stroke: theme.line, 'stroke-width': 1.5 }),
      subscripted(text, from, inner.bottom + size.font * 1.25, { size, theme, anchor }),
    ]
  })
}

/** Where the explicit factor passes −1: λ = 2/s. */
function limit({ limitLambda, limit: bound, values }, { x, inner, size, theme }, spots) {
  if (limitLambda > SPECTRUM_END) return []
  const at = x(limitLambda)
  const text = `2/s = ${number(limitLambda)}`
  const [wide, high] = tagSize(text, { size, theme, scale: size.small })
  const left = at + wide > inner.right
  const top = inner.bottom - high - 4
  spots.keep(at - 2, inner.top, at + 2, inner.bottom)
  spots.keep(left ? at - wide : at, top, left ? at : at + wide, inner.bottom)
  return [
    shape('line', {
      x1: at, x2: at, y1: inner.top, y2: inner.bottom, stroke: theme.text, 'stroke-width': 2, 'stroke-dasharray': '3 4',
      'data-limit': values.s > bound ? 'passed' : 'kept',
    }),
    label(text, left ? at - 7 : at + 7, inner.bottom - size.font * 0.5, {
      size, theme, anchor: left ? 'end' : 'start', scale: size.small, weight: 600,
    }),
  ]
}

function curve(kind, { lambda, lines }, { x, y, looks, size, height }, spots) {
  const points = lambda.map((value, i) => [x(value), y(Math.max(-1e4, Math.min(1e4, lines[kind].curve[i])))])
  const near = points.filter((_, i) => i % 6 === 0).map(([px, py]) => [px, Math.max(-20, Math.min(height + 20, py))])
  spots.keepPoints(near, 5)
  spots.keepWay(near, 10, 5)
  return shape('path', {
    d: through(points), 'data-curve': kind, 'clip-path': 'url(#pp-quadratic-clip)', ...stroke(looks[kind], size),
  })
}

/** The factors at both eigenvalues; an arrow where one lies below the picture. */
function dots(kind, { lines, eigenvalues: values }, { x, y, looks, size, inner }) {
  return lines[kind].at.map((factor, i) => {
    const at = x(values[i])
    if (factor >= LOW && factor <= HIGH) {
      return shape('circle', { cx: at, cy: y(factor), r: size.line * 1.9, fill: looks[kind].color })
    }
    const [tip, back] = factor < LOW ? [inner.bottom, inner.bottom - 14] : [inner.top, inner.top + 14]
    return shape('path', { d: `M${at} ${tip}L${at - 8} ${back}H${at + 8}Z`, fill: looks[kind].color })
  })
}

const SHARES = [0.72, 0.6, 0.85, 0.5, 0.4, 0.95, 0.3, 0.2] // of a line, tried in this order
const FAR = 500 // square pixels of a crossed line that a name away from its own is worth
const FORMULAS = { explicit: '1 − sλ', exact: '1/(1 + τλ)', momentum: 'momentum |r|' }

function names(kinds, reading, { x, y, inner, looks, size, theme, k }, spots) {
  const options = { size, theme }
  return kinds.toReversed().map((kind) => {
    const text = FORMULAS[kind] ?? `${shortName(kind, k)}${size.small < 1 ? ', this start' : ''}`
    const [wide, high] = tagSize(text, options)
    const line = reading.lines[kind].curve
    const inFrame = reading.lambda
      .map((value, i) => [x(value), y(line[i]), line[i]])
      .filter(([, , factor], i) => i > 12 && factor > LOW && factor < HIGH)
    const order = SHARES.map((share) => inFrame[Math.floor(share * (inFrame.length - 1))])
    const candidates = [6, 20, 44].flatMap((gap) =>
      order.filter(Boolean).flatMap((point) => around(point, wide, high, gap, gap)))
    const fits = ([px, py]) => px > inner.left && px + wide < inner.right + 8 && py > 0 && py + high < inner.bottom
    const inside = candidates.filter(fits)
    // A line almost upright has no room along itself: beside it, then.
    const left = inner.left + 0.08 * (inner.right - inner.left)
    const aside = [-1.7, -1.4, -0.6, -0.3, 0.5].map((level) => [left, y(level), FAR])
    const spot = spots.place([...inside, ...aside], wide, high)
    return tag(text, looks[kind], spot, options)
  })
}
