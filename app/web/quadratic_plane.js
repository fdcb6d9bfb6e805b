// The plane: contours, the way each kind of step takes, the start to drag.

import { shape, textWidth } from './dom.js'
import { clipped } from './quadratic_reading.js'
import { FRAME } from './quadratic_state.js'
import { shortName } from './quadratic_words.js'
import { Spots, around } from './spots.js'
import { label, pixels, stroke, tag, tagSize, through } from './svg.js'

const RINGS = 14
const STEPS = { ArrowLeft: [-0.05, 0], ArrowRight: [0.05, 0], ArrowUp: [0, 0.05], ArrowDown: [0, -0.05] }
const WAYS = 12 // corners between which labels keep off the lines too
const ORDER = ['momentum', 'explicit', 'exact', 'cg'] // later ones are drawn on top

export class Plane {
  constructor(svg, moved) {
    this.svg = svg
    this.moved = moved
    this.start = shape('g', {
      class: 'pp-start', tabindex: 0, role: 'application', 'aria-label': 'Start point; arrow keys move it',
      onkeydown: (event) => this.key(event),
    })
    this.handle = shape('circle', { r: 9 })
    this.start.append(shape('circle', { r: 22, class: 'pp-grip' }), this.handle)
    this.scene = shape('g')
    svg.append(this.scene, this.start) // the start stays in place: it must not lose the focus
    const listeners = {
      pointerdown: (event) => {
        svg.setPointerCapture(event.pointerId)
        this.dragging = true
        this.start.focus({ preventScroll: true })
        this.take(event)
      },
      mousedown: (event) => event.preventDefault(), // it would take the focus away
      pointermove: (event) => this.dragging && this.take(event),
      pointerup: () => (this.dragging = false),
      pointercancel: () => (this.dragging = false),
    }
    for (const [name, call] of Object.entries(listeners)) svg.addEventListener(name, call)
  }

  key(event) {
    const step = STEPS[event.key]
    if (!step) return
    event.preventDefault()
    event.stopPropagation()
    this.move(this.at[0] + step[0], this.at[1] + step[1])
  }

  take(event) {
    const box = this.svg.getBoundingClientRect()
    const scale = box.height / (2 * FRAME)
    this.move((event.clientX - box.left - box.width / 2) / scale, (box.top + box.height / 2 - event.clientY) / scale)
  }

  move(x, y) {
    const clamp = (value, bound) => Math.max(-bound, Math.min(bound, Math.round(value * 100) / 100))
    // Kept here too: a second key may come before the next frame is drawn.
    this.at = [clamp(x, this.halfWidth * 0.98), clamp(y, FRAME * 0.98)]
    this.moved(...this.at)
  }

  draw(reading, { looks, size, theme, width, height }) {
    const { values, lines } = reading
    const scale = height / (2 * FRAME)
    this.halfWidth = width / 2 / scale
    this.at = [values.x, values.y]
    const place = ([x, y]) => [width / 2 + x * scale, height / 2 - y * scale]
    const scene = { place, scale, size, theme, width, height, looks, k: values.k }
    const shown = ORDER.filter((kind) => lines[kind]).map((kind) => ({
      kind, ...clipped(lines[kind].path, this.halfWidth, values.n),
    }))
    this.drawn = Object.fromEntries(shown.map(({ kind, left, points }) => [kind, { left, points: points.length }]))
    const spots = new Spots(width, height)
    const [sx, sy] = place(this.at)
    spots.keep(sx - 16, sy - 16, sx + 16, sy + 16)
    shown.forEach(({ points }) => spots.keepPoints(points.map(place), 4))
    for (const { kind, points, exit } of shown) {
      const corners = exit ? [...points, exit] : points
      spots.keepWay(corners.slice(0, WAYS).map(place), 16, 3, kind)
    }
    this.svg.setAttribute('viewBox', `0 0 ${width} ${height}`)
    this.scene.replaceChildren(
      rings(reading, scene), minimum(scene), ...shown.map((line) => way(line, scene)),
      ...exits(shown, scene, spots), ...names(shown, scene, spots),
    )
    this.start.setAttribute('transform', `translate(${pixels(sx)} ${pixels(sy)})`)
    this.handle.setAttribute('fill', theme.background)
    this.handle.setAttribute('stroke', theme.text)
    this.handle.setAttribute('stroke-width', size.line)
  }
}

function rings({ eigenvalues, values }, { width, height, scale, theme }) {
  const group = shape('g', {
    transform: `translate(${width / 2} ${height / 2}) rotate(${-values.angle})`, fill: 'none', stroke: theme.line,
  })
  const [steep, flat] = eigenvalues
  for (let ring = 1; ring <= RINGS; ring += 1) {
    const radius = 0.26 * ring * scale
    const axes = { rx: pixels(radius), ry: pixels(radius * Math.sqrt(steep / flat)) }
    group.append(shape('ellipse', { ...axes, 'stroke-opacity': 0.5 - 0.02 * ring, 'stroke-width': 1 }))
  }
  return group
}

function minimum({ place, theme }) {
  const [x, y] = place([0, 0])
  return shape('path', { d: `M${x - 7} ${y}H${x + 7}M${x} ${y - 7}V${y + 7}`, stroke: theme.text, 'stroke-width': 1.5 })
}

function way({ kind, points, exit }, { place, looks, size }) {
  const look = looks[kind]
  const at = points.map(place)
  const path = through(exit ? [...at, place(exit)] : at)
  const group = shape('g', { 'data-way': kind }, shape('path', { d: path, ...stroke(look, size) }))
  const radius = kind === 'cg' ? size.line * 0.95 : size.line * 1.35
  group.append(...at.slice(1).map(([x, y]) =>
    shape('circle', { cx: pixels(x), cy: pixels(y), r: radius, fill: look.color })))
  return group
}

/** A cross where a way leaves, and when; of two that leave together the words stand once. */
function exits(shown, { place, looks, size, theme, width }, spots) {
  const named = []
  return shown.filter(({ exit }) => exit).flatMap(({ kind, left, exit }) => {
    const [x, y] = place(exit)
    const r = size.font * 0.45
    const d = through([[x - r, y - r], [x + r, y + r]]) + through([[x - r, y + r], [x + r, y - r]])
    const cross = shape('path', { d, stroke: looks[kind].color, 'stroke-width': size.line * 1.2 })
    if (named.some((other) => other.left === left && Math.hypot(other.x - x, other.y - y) < 4 * r)) return [cross]
    named.push({ left, x, y })
    const text = `left the picture at step ${left}`
    const [wide, high] = [textWidth(text, size.font * size.small, theme.font), size.font * 1.2]
    const sides = [x + 2 * r, x - wide - 2 * r, Math.min(Math.max(x - wide / 2, 4), width - wide - 4)]
    const rows = [y - high / 2, y - high - r, y + r, y - 2.4 * high, y + 1.4 * high]
    const [bx, by] = spots.place(rows.flatMap((row) => sides.map((side) => [side, row])), wide, high)
    return [cross, label(text, bx, by + high * 0.8, { size, theme, scale: size.small })]
  })
}

/** Names beside their ways: at a point in the first steps, off all other points. */
function names(shown, { place, looks, size, theme, k }, spots) {
  return shown.map(({ kind, points, exit }) => {
    const text = shortName(kind, k)
    const [wide, high] = tagSize(text, { size, theme })
    const corners = exit ? [...points, exit] : points
    const middle = (i) => [(corners[i][0] + corners[i + 1][0]) / 2, (corners[i][1] + corners[i + 1][1]) / 2]
    const anchors = corners.slice(1, 7)
    if (corners.length > 1) anchors.push(...corners.slice(0, -1).slice(0, 5).map((_, i) => middle(i)))
    if (!anchors.length) anchors.push(corners[0])
    const gap = size.font * 0.5
    const candidates = [1, 2.2, 4].flatMap((far) => anchors.map(place).flatMap(([x, y]) => {
      const away = gap * far
      const cost = 80 * (far - 1)
      const aside = [y - high - away, y + away].map((top) => [x + away, top, cost])
      return [...around([x, y], wide, high, away, cost), ...aside]
    }))
    return tag(text, looks[kind], spots.place(candidates, wide, high, kind), { size, theme })
  })
}
