// The map as a picture: one band a method over the step size s, or the plane of η and τ.

import { shape, textWidth } from './dom.js'
import { plain, power } from './format.js'
import { color, edges, share, ticks } from './map_scale.js'
import { label, pixels, subscripted, through, upright } from './svg.js'

const NARROW = 44 // widths of type below which names stand above their bands
const PLANE = 3 // how many bands a plane is as high as
const SHADES = 40 // of the scale
const LIMITS = { explicit: '2/λ_max(∇²J)', exact: '2/λ_max(P∇²J)', cg: '2/λ_max(P∇²J), of exact' }
const COMMON = ['step size s: η explicit, η·τ implicit', 's = η explicit, η·τ implicit']
const DECADES = { '-2': '0.01', '-1': '0.1', 0: '1', 1: '10', 2: '100' }

/** Draw into `svg`; returns the cells as {method, index, cell, x0, x1, y0, y1}. */
export function drawMap(svg, payload, scene) {
  const { width, height, size } = scene
  const narrow = width < NARROW * size.font
  const foot = narrow ? size.font * 1.8 : 0 // of the signs, beside the map where there is room
  const spec = { ...scene, height: height - foot, payload, narrow, cells: [] }
  const indices = payload.methods.map((_, index) => index)
  const planes = indices.filter((index) => payload.methods[index].varies.length === 2)
  const bands = indices.filter((index) => !planes.includes(index))
  const scale = scaleOf(spec)
  const right = width - scale.width
  const split = spec.height * (bands.length ? bands.length / (bands.length + (planes.length ? PLANE : 0)) : 0)
  const groups = bands.length ? [drawBands(bands, { right, bottom: split }, spec)] : []
  planes.forEach((index, i) => {
    const wide = right / planes.length
    const box = { left: i * wide, right: (i + 1) * wide - 8, top: split, bottom: spec.height }
    groups.push(drawPlane(index, box, spec))
  })
  svg.setAttribute('viewBox', `0 0 ${width} ${height}`)
  svg.replaceChildren(...groups, scale.group)
  return spec.cells
}

function drawBands(indices, box, spec) {
  const { payload: { methods, seeds }, size, theme, narrow } = spec
  const { font } = size
  const names = indices.map((index) => textWidth(methods[index].label, font, theme.font, 600))
  const left = narrow ? font * 1.2 : Math.max(...names) + 16
  const inner = { left, right: box.right, top: font * 0.4, bottom: box.bottom - font * 3.3 }
  const logs = indices.flatMap((index) => edges(methods[index].s))
  const [low, high] = [Math.min(...logs), Math.max(...logs)]
  const x = (log) => inner.left + ((log - low) / (high - low)) * (inner.right - inner.left)
  const band = (inner.bottom - inner.top) / indices.length
  const gap = font * 1.5
  const group = shape('g')
  indices.forEach((index, row) => {
    const method = methods[index]
    const y0 = inner.top + row * band + gap
    const y1 = inner.top + (row + 1) * band - 4
    const bounds = edges(method.s)
    method.s.forEach((_, cell) => {
      group.append(...drawCell(index, cell, { x0: x(bounds[cell]), x1: x(bounds[cell + 1]), y0, y1 }, true, spec))
    })
    const place = narrow ? [left, y0 - font * 0.4] : [0, (y0 + y1) / 2 + font * 0.35]
    const from = narrow ? left + names[row] + font * 0.6 : left
    group.append(
      label(method.label, ...place, { size, theme, weight: 600 }),
      ...bandLimits(method, { x, y0, stripe: (y1 - y0) / seeds.length, inner, from }, spec),
    )
  })
  group.append(...horizontal(low, high, x, inner, spec, COMMON[narrow ? 1 : 0]))
  return group
}

/** The predicted limit of each seed as a line through its stripe, its name above the band. */
function bandLimits(method, { x, y0, stripe, inner, from }, { size, theme, narrow }) {
  const places = method.limits.map((limit) => (limit?.points[0] ? x(Math.log10(limit.points[0].s)) : NaN))
  const inside = places.map((at, seed) => ({ at, seed })).filter(({ at }) => at >= inner.left && at <= inner.right)
  if (!inside.length || method.varies.length !== 1) return []
  const lines = inside.flatMap(({ at, seed }) =>
    limitLine('line', { x1: at, x2: at, y1: y0 + seed * stripe, y2: y0 + (seed + 1) * stripe }, method, theme))
  const text = narrow ? LIMITS[method.solver].split(',')[0] : LIMITS[method.solver]
  const half = textWidth(text.replace('_max', 'm'), size.font * size.small, theme.font, 600) / 2
  const middle = Math.min(Math.max(inside[0].at, from + half), inner.right - half)
  return [...lines, limitName(text, middle, y0 - size.font * 0.45, { size, theme })]
}

function drawPlane(index, box, spec) {
  const { payload, size, theme } = spec
  const method = payload.methods[index]
  const { font } = size
  const inner = {
    left: box.left + font * 4.2, right: box.right, top: box.top + font * 1.9, bottom: box.bottom - font * 3.3,
  }
  const [etas, taus] = method.shape
  const across = edges(Array.from({ length: etas }, (_, i) => method.lr[i * taus]))
  const up = edges(method.tau.slice(0, taus))
  const x = (log) => inner.left + ((log - across[0]) / (across[etas] - across[0])) * (inner.right - inner.left)
  const y = (log) => inner.bottom - ((log - up[0]) / (up[taus] - up[0])) * (inner.bottom - inner.top)
  const group = shape('g')
  method.s.forEach((_, cell) => {
    const [i, j] = [Math.floor(cell / taus), cell % taus]
    const place = { x0: x(across[i]), x1: x(across[i + 1]), y0: y(up[j + 1]), y1: y(up[j]) }
    group.append(...drawCell(index, cell, place, false, spec))
  })
  const points = method.limits.find((limit) => limit?.points.length)?.points ?? []
  const shown = ({ lr, tau }) => tau !== null && x(Math.log10(lr)) >= inner.left && x(Math.log10(lr)) <= inner.right
  const inside = points.filter(shown)
  let room = Infinity // for the method's name, beside its limit's
  if (inside.length > 1) {
    const at = x(Math.log10(inside.reduce((a, b) => (b.tau > a.tau ? b : a)).lr))
    const d = through(inside.map(({ lr, tau }) => [x(Math.log10(lr)), y(Math.log10(tau))]))
    const name = limitName(LIMITS[method.solver], at, inner.top - font * 0.55, { size, theme })
    group.append(...limitLine('path', { d }, method, theme), name)
    room = at - inner.left
  }
  if (room > textWidth(method.label + LIMITS[method.solver], font, theme.font, 600)) {
    group.append(label(method.label, inner.left, inner.top - font * 0.4, { size, theme, weight: 600 }))
  }
  group.append(
    ...horizontal(across[0], across[etas], x, inner, spec, 'step size η'),
    ...vertical(up[0], up[taus], y, inner, spec),
  )
  return group
}

/** A line dark on a halo: seen on every colour. */
function limitLine(tag, attributes, { solver }, theme) {
  return [[theme.background, 7], [theme.text, 3]].map(([stroke, width]) =>
    shape(tag, { ...attributes, fill: 'none', stroke, 'stroke-width': width, 'data-predicted': solver }))
}

function limitName(text, x, y, { size, theme }) {
  return subscripted(text, x, y, { size, theme, anchor: 'middle', scale: size.small })
}

/** A cell's runs, a seed each, below each other or side by side. */
function drawCell(index, cell, place, stacked, { payload: { methods, seeds, constant_loss: constant }, theme, cells }) {
  const method = methods[index]
  const before = methods.slice(0, index).reduce((count, { s }) => count + s.length, 0)
  cells.push({ method: index, index: cell, cell: before + cell, ...place })
  const [from, to] = stacked ? ['y0', 'y1'] : ['x0', 'x1']
  const part = (place[to] - place[from]) / seeds.length
  return seeds.flatMap((_, seed) => {
    const own = { ...place, [from]: place[from] + seed * part, [to]: place[from] + (seed + 1) * part }
    return drawRun(method.outcomes[cell][seed] ?? null, method.losses[cell][seed], own, constant, theme)
  })
}

/** One run: its loss as colour; a cross where it diverged, a bar where it collapsed. */
function drawRun(outcome, loss, { x0, x1, y0, y1 }, constant, theme) {
  const measured = outcome !== null && outcome !== 'diverged' && loss !== null
  const rect = shape('rect', {
    x: pixels(x0 + 0.5), y: pixels(y0 + 0.5),
    width: pixels(Math.max(1, x1 - x0 - 1)), height: pixels(Math.max(1, y1 - y0 - 1)),
    fill: measured ? color(share(loss, constant)) : outcome === null ? theme.grid : theme.panel,
    'data-outcome': outcome ?? 'pending', opacity: outcome === null ? 0.7 : 1,
  })
  const [cx, cy, r] = [(x0 + x1) / 2, (y0 + y1) / 2, Math.min(x1 - x0, y1 - y0) * 0.28]
  if (outcome === 'diverged') {
    const d = through([[cx - r, cy - r], [cx + r, cy + r]]) + through([[cx + r, cy - r], [cx - r, cy + r]])
    return [rect, shape('path', { d, stroke: theme.text, 'stroke-width': Math.max(1.5, r / 3) })]
  }
  if (outcome !== 'collapsed') return [rect]
  const bar = { x1: cx - r, x2: cx + r, y1: cy, y2: cy, stroke: '#1F2328', 'stroke-width': Math.max(2, r / 2) }
  return [rect, shape('line', bar)]
}

/** Labels of the decades between two exponents, at places that `at` gives. */
function decades(low, high, at, options) {
  const first = Math.ceil(low)
  return Array.from({ length: Math.max(0, Math.floor(high) - first + 1) }, (_, i) =>
    label(DECADES[first + i] ?? power(first + i), ...at(first + i), options))
}

function horizontal(low, high, x, inner, { size, theme }, title) {
  const options = { size, theme, anchor: 'middle' }
  const marks = decades(low, high, (at) => [x(at), inner.bottom + size.font * 1.25], { ...options, color: theme.muted })
  return [...marks, label(title, (inner.left + inner.right) / 2, inner.bottom + size.font * 2.8, options)]
}

function vertical(low, high, y, inner, { size, theme }) {
  const options = { size, theme, anchor: 'end', color: theme.muted }
  const marks = decades(low, high, (at) => [inner.left - 6, y(at) + size.font * 0.35], options)
  const middle = (inner.top + inner.bottom) / 2
  return [...marks, upright('proximal step τ', inner.left - size.font * 3.2, middle, { size, theme })]
}

/** Beside the map: what the colours and signs mean. */
function scaleOf({ payload, size, theme, width, height, narrow }) {
  const { font } = size
  const wide = font * (narrow ? 5.4 : 7.8)
  const left = width - wide + font * 1.4
  const [top, bottom] = [font * 1.9, Math.max(font * 6, height - font * (narrow ? 3.3 : 6.2))]
  const high = (bottom - top) / SHADES
  const group = shape('g', {}, label('loss J', left, top - font * 0.6, { size, theme }))
  for (let i = 0; i < SHADES; i += 1) {
    const place = { x: left, y: top + high * i, width: font, height: high + 0.6 }
    group.append(shape('rect', { ...place, fill: color(1 - (i + 0.5) / SHADES) }))
  }
  for (const value of ticks(payload.constant_loss)) {
    const y = bottom - share(value, payload.constant_loss) * (bottom - top) + font * 0.35
    group.append(label(plain(value, 2), left + font * 1.4, y, { size, theme, color: theme.muted, scale: size.small }))
  }
  for (const [i, [sign, meaning]] of [['×', 'diverged'], ['–', 'collapsed']].entries()) {
    const y = narrow ? height + font * 1.2 : bottom + font * (1.7 + 1.5 * i)
    const at = narrow ? font * (1.7 + 7 * i) : left + font * 0.5
    group.append(
      label(sign, at, y, { size, theme, anchor: 'middle', weight: 700 }),
      label(meaning, at + font * 0.9, y, { size, theme, scale: size.small }),
    )
  }
  return { group, width: wide }
}
