// The map as a picture: one band a method over the common step size, or the plane of η and τ.

import { shape, textWidth } from './dom.js'
import { plain, power } from './format.js'
import { color, edges, share, ticks } from './map_scale.js'
import { label, pixels, subscripted } from './svg.js'

const NARROW = 44 // widths of type below which names stand above their bands
const LIMITS = { explicit: '2/λ_max(∇²J)', exact: '2/λ_max(P∇²J)', cg: '2/λ_max(P∇²J), of exact' }

/** Draw into `svg`; returns the cells as {method, index, cell, x0, x1, y0, y1}. */
export function drawMap(svg, payload, scene) {
  const first = []
  payload.methods.reduce((count, method, i) => ((first[i] = count), count + method.s.length), 0)
  const narrow = scene.width < NARROW * scene.size.font
  const foot = narrow ? scene.size.font * 1.8 : 0 // of the signs, beside the map where there is room
  const spec = { ...scene, height: scene.height - foot, payload, first, narrow, cells: [] }
  const planes = payload.methods.map((m, i) => i).filter((i) => payload.methods[i].varies.length === 2)
  const bands = payload.methods.map((m, i) => i).filter((i) => !planes.includes(i))
  const scale = scaleOf(spec)
  const area = { left: 0, top: 0, right: scene.width - scale.width, bottom: spec.height }
  const split = bands.length && planes.length ? spec.height * (bands.length / (bands.length + 3)) : bands.length ? spec.height : 0
  const groups = []
  if (bands.length) groups.push(drawBands(bands, { ...area, bottom: split }, spec))
  planes.forEach((index, i) => {
    const width = (area.right - area.left) / planes.length
    groups.push(drawPlane(index, { left: area.left + i * width, right: area.left + (i + 1) * width - 8, top: split, bottom: area.bottom }, spec))
  })
  svg.setAttribute('viewBox', `0 0 ${scene.width} ${scene.height}`)
  svg.replaceChildren(...groups, scale.group)
  return spec.cells
}

function drawBands(indices, box, spec) {
  const { payload, size, theme } = spec
  const methods = indices.map((i) => payload.methods[i])
  const font = size.font
  const names = methods.map(({ label: text }) => textWidth(text, font, theme.font, 600))
  const left = spec.narrow ? font * 1.2 : Math.max(...names) + 16
  const inner = { left, right: box.right, top: font * 0.4, bottom: box.bottom - font * 3.3 }
  const logs = methods.flatMap(({ s }) => edges(s))
  const [low, high] = [Math.min(...logs), Math.max(...logs)]
  const x = (log) => inner.left + ((log - low) / (high - low)) * (inner.right - inner.left)
  const band = (inner.bottom - inner.top) / methods.length
  const gap = font * 1.5
  const group = shape('g')
  indices.forEach((index, row) => {
    const method = payload.methods[index]
    const top = inner.top + row * band + gap
    const stripe = (band - gap - 4) / payload.seeds.length
    const bounds = edges(method.s)
    method.s.forEach((_, cell) =>
      payload.seeds.forEach((_seed, seed) => {
        const place = { x0: x(bounds[cell]), x1: x(bounds[cell + 1]), y0: top + seed * stripe, y1: top + (seed + 1) * stripe }
        group.append(...drawCell(method, cell, seed, place, spec))
      }),
    )
    method.s.forEach((_, cell) => spec.cells.push({
      method: index, index: cell, cell: spec.first[index] + cell,
      x0: x(bounds[cell]), x1: x(bounds[cell + 1]), y0: top, y1: top + payload.seeds.length * stripe,
    }))
    group.append(
      spec.narrow
        ? label(method.label, left, top - font * 0.4, { size, theme, weight: 600 })
        : label(method.label, 0, top + (payload.seeds.length * stripe) / 2 + font * 0.35, { size, theme, weight: 600 }),
      ...bandLimits(method, { x, top, stripe, inner, from: spec.narrow ? left + names[row] + font * 0.6 : left }, spec),
    )
  })
  group.append(...horizontal(low, high, x, inner, spec, spec.narrow ? 's = η explicit, η·τ implicit' : 'common step size s: η explicit, η·τ implicit'))
  return group
}

/** The predicted limit of each seed as a line through its stripe, its name above the band. */
function bandLimits(method, { x, top, stripe, inner, from }, { size, theme, narrow }) {
  const parts = []
  let named = false
  method.limits.forEach((limit, seed) => {
    const point = limit?.points[0]
    if (!point || method.varies.length !== 1) return
    const at = x(Math.log10(point.s))
    if (at < inner.left || at > inner.right) return
    parts.push(
      ...[[theme.background, 7], [theme.text, 3]].map(([stroke, width]) =>
        shape('line', { x1: at, x2: at, y1: top + seed * stripe, y2: top + (seed + 1) * stripe, stroke, 'stroke-width': width, 'data-predicted': method.solver }),
      ),
    )
    if (named) return
    named = true
    const text = narrow ? LIMITS[method.solver].split(',')[0] : LIMITS[method.solver]
    const half = textWidth(text.replace('_max', 'm'), size.font * size.small, theme.font, 600) / 2
    const middle = Math.min(Math.max(at, from + half), inner.right - half)
    parts.push(subscripted(text, middle, top - size.font * 0.45, { size, theme, anchor: 'middle', scale: size.small }))
  })
  return parts
}

function drawPlane(index, box, spec) {
  const { payload, size, theme } = spec
  const method = payload.methods[index]
  const font = size.font
  const inner = { left: box.left + font * 4.2, right: box.right, top: box.top + font * 1.9, bottom: box.bottom - font * 3.3 }
  const [etas, taus] = method.shape
  const lr = Array.from({ length: etas }, (_, i) => method.lr[i * taus])
  const tau = method.tau.slice(0, taus)
  const [across, up] = [edges(lr), edges(tau)]
  const x = (log) => inner.left + ((log - across[0]) / (across[etas] - across[0])) * (inner.right - inner.left)
  const y = (log) => inner.bottom - ((log - up[0]) / (up[taus] - up[0])) * (inner.bottom - inner.top)
  const group = shape('g')
  method.s.forEach((_, cell) => {
    const [i, j] = [Math.floor(cell / taus), cell % taus]
    const place = { x0: x(across[i]), x1: x(across[i + 1]), y0: y(up[j + 1]), y1: y(up[j]) }
    const wide = (place.x1 - place.x0) / payload.seeds.length
    payload.seeds.forEach((_seed, seed) =>
      group.append(...drawCell(method, cell, seed, { ...place, x0: place.x0 + seed * wide, x1: place.x0 + (seed + 1) * wide }, spec)),
    )
    spec.cells.push({ method: index, index: cell, cell: spec.first[index] + cell, ...place })
  })
  const points = (method.limits.find((limit) => limit?.points.length)?.points ?? []).filter((point) => point.tau !== null)
  const inside = points.filter((p) => Math.log10(p.lr) >= across[0] && Math.log10(p.lr) <= across[etas])
  let named = true // the method's name, where its limit's leaves room
  if (inside.length > 1) {
    const d = inside.map((p, i) => `${i ? 'L' : 'M'}${pixels(x(Math.log10(p.lr)))} ${pixels(y(Math.log10(p.tau)))}`).join('')
    const last = inside.reduce((a, b) => (b.tau > a.tau ? b : a))
    named = x(Math.log10(last.lr)) - inner.left > textWidth(method.label + LIMITS[method.solver], font, theme.font, 600)
    group.append(
      ...[[theme.background, 7], [theme.text, 3]].map(([stroke, width]) =>
        shape('path', { d, fill: 'none', stroke, 'stroke-width': width, 'data-predicted': method.solver }),
      ),
      subscripted(LIMITS[method.solver], x(Math.log10(last.lr)), inner.top - font * 0.55, {
        size, theme, anchor: 'middle', scale: size.small,
      }),
    )
  }
  group.append(
    ...(named ? [label(method.label, inner.left, inner.top - font * 0.4, { size, theme, weight: 600 })] : []),
    ...horizontal(across[0], across[etas], x, inner, spec, 'step size η'),
    ...vertical(up[0], up[taus], y, inner, spec),
  )
  return group
}

/** One run: its loss as colour; a cross where it diverged, a bar where it collapsed. */
function drawCell(method, cell, seed, { x0, x1, y0, y1 }, { payload, theme }) {
  const outcome = method.outcomes[cell][seed]
  const loss = method.losses[cell][seed]
  const known = outcome !== null && outcome !== undefined
  const fill = !known || outcome === 'diverged' || loss === null ? (known ? theme.panel : theme.grid) : color(share(loss, payload.constant_loss))
  const rect = shape('rect', {
    x: pixels(x0 + 0.5), y: pixels(y0 + 0.5), width: pixels(Math.max(1, x1 - x0 - 1)), height: pixels(Math.max(1, y1 - y0 - 1)),
    fill, 'data-outcome': outcome ?? 'pending', opacity: known ? 1 : 0.7,
  })
  const [cx, cy] = [(x0 + x1) / 2, (y0 + y1) / 2]
  const r = Math.min(x1 - x0, y1 - y0) * 0.28
  if (outcome === 'diverged') {
    const d = `M${pixels(cx - r)} ${pixels(cy - r)}l${pixels(2 * r)} ${pixels(2 * r)}m0 ${pixels(-2 * r)}l${pixels(-2 * r)} ${pixels(2 * r)}`
    return [rect, shape('path', { d, stroke: theme.text, 'stroke-width': Math.max(1.5, r / 3) })]
  }
  if (outcome === 'collapsed') {
    return [rect, shape('line', { x1: cx - r, x2: cx + r, y1: cy, y2: cy, stroke: '#1F2328', 'stroke-width': Math.max(2, r / 2) })]
  }
  return [rect]
}

const decadeName = (value) => ({ '-2': '0.01', '-1': '0.1', 0: '1', 1: '10', 2: '100' })[value] ?? power(value)

function decades(low, high) {
  const first = Math.ceil(low)
  return Array.from({ length: Math.max(0, Math.floor(high) - first + 1) }, (_, i) => first + i)
}

function horizontal(low, high, x, inner, { size, theme }, title) {
  const marks = decades(low, high).map((at) =>
    label(decadeName(at), x(at), inner.bottom + size.font * 1.25, { size, theme, anchor: 'middle', color: theme.muted }),
  )
  return [...marks, label(title, (inner.left + inner.right) / 2, inner.bottom + size.font * 2.8, { size, theme, anchor: 'middle' })]
}

function vertical(low, high, y, inner, { size, theme }) {
  const middle = (inner.top + inner.bottom) / 2
  const at = inner.left - size.font * 3.2
  const title = label('proximal step τ', at, middle, { size, theme, anchor: 'middle' })
  title.setAttribute('transform', `rotate(-90 ${pixels(at)} ${pixels(middle)})`)
  const marks = decades(low, high).map((tick) =>
    label(decadeName(tick), inner.left - 6, y(tick) + size.font * 0.35, { size, theme, anchor: 'end', color: theme.muted }),
  )
  return [...marks, title]
}

/** Beside the map: what the colours and signs mean. */
function scaleOf({ payload, size, theme, width, height, narrow }) {
  const font = size.font
  const wide = font * (narrow ? 5.4 : 7.8)
  const left = width - wide + font * 1.4
  const [top, bottom] = [font * 1.9, Math.max(font * 6, height - font * (narrow ? 3.3 : 6.2))]
  const group = shape('g')
  const steps = 40
  for (let i = 0; i < steps; i += 1) {
    const y = top + ((bottom - top) * i) / steps
    group.append(shape('rect', { x: left, y, width: font, height: (bottom - top) / steps + 0.6, fill: color(1 - (i + 0.5) / steps) }))
  }
  group.append(label('loss J', left, top - font * 0.6, { size, theme }))
  for (const value of ticks(payload.constant_loss)) {
    const y = bottom - share(value, payload.constant_loss) * (bottom - top)
    group.append(label(plain(value, 2), left + font * 1.4, y + font * 0.35, { size, theme, color: theme.muted, scale: size.small }))
  }
  const rows = [['×', 'diverged'], ['–', 'collapsed']]
  rows.forEach(([sign, words], i) => {
    const y = narrow ? height + font * 1.2 : bottom + font * (1.7 + 1.5 * i)
    const at = narrow ? font * (1.7 + 7 * i) : left + font * 0.5
    group.append(
      label(sign, at, y, { size, theme, anchor: 'middle', weight: 700 }),
      label(words, at + font * 0.9, y, { size, theme, scale: size.small }),
    )
  })
  return { group, width: wide }
}
