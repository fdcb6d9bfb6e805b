// The network as in the paper's figure: z and a in a row, θ above, arrows between. The element a
// stage computes is lit; an arc shows where its request comes from.

import { shape } from './dom.js'

const BOX = 46
const UNIT = 112 // pixels from one box to the next
const ROW = 88
const TOP = 24
const HEIGHT = 130
const EDGE = 30

export class Network {
  constructor(choose) {
    this.choose = choose
    this.root = shape('svg', { class: 'pp-network', role: 'img', 'aria-label': 'The network' })
  }

  prepare(trace) {
    const { layers, frames } = trace
    this.frames = frames
    this.boxes = new Map()
    this.arcs = shape('g', { class: 'pp-arcs' })
    const count = 2 * layers.length + 1 // a_0, then z and a, at last the loss
    const width = EDGE * 2 + (count - 1) * UNIT + BOX
    this.root.setAttribute('viewBox', `0 0 ${width} ${HEIGHT}`)
    this.root.style.setProperty('--pp-natural', `${width}px`)
    const marker = shape('marker', {
      id: 'pp-arrow', viewBox: '0 0 8 8', refX: 7, refY: 4, markerWidth: 9, markerHeight: 9,
      markerUnits: 'userSpaceOnUse', orient: 'auto-start-reverse',
    }, shape('path', { d: 'M0,0 L8,4 L0,8 z', fill: 'context-stroke' }))
    this.root.replaceChildren(shape('defs', {}, marker), ...this.row(layers), this.arcs)
  }

  row(layers) {
    const parts = []
    const x = (position) => EDGE + BOX / 2 + position * UNIT
    parts.push(this.box('a', 0, x(0), ROW))
    layers.forEach(({ layer, sigma }) => {
      const at = 2 * layer - 1
      parts.push(arrow(x(at - 1) + BOX / 2, ROW, x(at) - BOX / 2 - 2, ROW))
      const middle = (x(at - 1) + x(at)) / 2
      parts.push(arrow(middle, TOP + BOX / 2 - 4, middle, ROW - 5))
      parts.push(this.box('theta', layer, middle, TOP))
      parts.push(this.box('z', layer, x(at), ROW))
      parts.push(arrow(x(at) + BOX / 2, ROW, x(at + 1) - BOX / 2 - 2, ROW))
      if (layer < layers.length) {
        parts.push(this.box('a', layer, x(at + 1), ROW))
        // Above the arrow the activation, below it what follows: side by side they would not fit.
        const [above, below = ''] = named(sigma)
        parts.push(label(x(at) + UNIT / 2, ROW - 9, above))
        parts.push(label(x(at) + UNIT / 2, ROW + 18, below))
      } else {
        parts.push(this.box('loss', layer, x(at + 1), ROW))
      }
    })
    return parts
  }

  box(kind, layer, x, y) {
    const group = shape('g', { class: 'pp-box', 'data-box': `${kind}-${layer}`, tabindex: -1 })
    const wide = kind === 'theta' ? BOX + 6 : BOX
    group.append(shape('rect', { x: x - wide / 2, y: y - 19, width: wide, height: 38, rx: kind === 'theta' ? 19 : 5 }))
    const text = shape('text', { x, y: y + 6, class: 'pp-symbol' })
    group.append(text)
    if (kind === 'theta') {
      for (const [side, offset] of [['explicit', -8], ['implicit', 8]]) {
        const place = { cx: x - wide / 2 - 10, cy: y + offset, r: 4.5 }
        group.append(shape('circle', { class: 'pp-done', 'data-side': side, ...place }))
      }
    }
    this.boxes.set(`${kind}-${layer}`, { group, text, x, y, kind, layer })
    group.addEventListener('click', () => this.choose(kind, layer))
    return group
  }

  /** Draw the network as it stands after frame `index`; nothing of other frames remains. */
  show(index) {
    const moved = new Map()
    this.frames.slice(0, index + 1).forEach((frame) => {
      const key = keyOf(frame)
      const state = moved.get(key) ?? { explicit: false, implicit: false, half: false, known: false }
      if (frame.kind.startsWith('forward') || frame.kind === 'loss') state.known = true
      else if (frame.variable !== 'theta') state.half = true
      else if (frame.kind !== 'cg_iteration') {
        if (frame.side !== 'implicit') state.explicit = true
        if (frame.side !== 'explicit') state.implicit = true
      }
      moved.set(key, state)
    })
    const frame = this.frames[index]
    const active = keyOf(frame)
    for (const [key, box] of this.boxes) {
      const state = moved.get(key) ?? {}
      const known = state.known || state.half || key === 'a-0' || box.kind === 'theta' || zOfLoss(box, moved)
      const { classList } = box.group
      classList.toggle('pp-unknown', !known)
      classList.toggle('pp-moved', Boolean(state.half || state.explicit || state.implicit))
      classList.toggle('pp-active', key === active)
      box.group.dataset.side = key === active ? frame.side : ''
      for (const dot of box.group.querySelectorAll('.pp-done')) {
        dot.classList.toggle('pp-on', Boolean(state[dot.dataset.side]))
      }
      write(box, Boolean(state.half), Boolean(state.explicit || state.implicit))
    }
    this.arc(frame)
  }

  arc(frame) {
    this.arcs.replaceChildren()
    const source = sourceOf(frame, this.boxes)
    const target = this.boxes.get(keyOf(frame))
    if (!source || !target) return
    const side = frame.variable === 'theta' ? frame.side : 'both'
    const low = ROW + 21
    const d = target.kind === 'theta'
      ? `M${source.x - 8},${source.y - 21} Q${source.x - 14},${TOP + 4} ${target.x + 27},${TOP + 4}`
      : `M${source.x - 6},${low} Q${(source.x + target.x) / 2},${low + 26} ${target.x + 6},${low + 2}`
    this.arcs.append(shape('path', { class: 'pp-arc', 'data-side': side, 'marker-end': 'url(#pp-arrow)', d }))
  }
}

function keyOf(frame) {
  return frame.kind === 'loss' ? `loss-${frame.layer}` : `${frame.variable}-${frame.layer}`
}

/** Where the request that a stage answers comes from. */
function sourceOf(frame, boxes) {
  const { kind, variable, layer } = frame
  if (kind.startsWith('forward') || kind === 'loss') return null
  const last = boxes.get(`loss-${layer}`)
  if (variable === 'theta') return last ?? boxes.get(`z-${layer}`)
  if (variable === 'z') return last ?? boxes.get(`a-${layer}`)
  return boxes.get(`loss-${layer + 1}`) ?? boxes.get(`z-${layer + 1}`)
}

function zOfLoss(box, moved) {
  return box.kind === 'z' && moved.has(`loss-${box.layer}`)
}

function write({ text, kind, layer }, half, stepped) {
  text.replaceChildren()
  if (kind === 'loss') {
    text.append(span('L', 'pp-italic'), span('y', 'pp-italic pp-small', 5))
    return
  }
  text.append(span(kind === 'theta' ? 'θ' : kind, 'pp-italic'), span(String(layer), 'pp-small', 5))
  if (half) text.append(span('½', 'pp-small', -13))
  if (stepped) text.append(span('+', 'pp-small', -13))
}

const span = (content, className, dy = 0) => shape('tspan', { class: className, dy }, content)

const label = (x, y, content) => shape('text', { x, y, class: 'pp-over' }, content)

const arrow = (x1, y1, x2, y2) => shape('line', { x1, y1, x2, y2, class: 'pp-arrow', 'marker-end': 'url(#pp-arrow)' })

function named(sigma) {
  if (sigma === 'The identity') return ['']
  return sigma.split(' and ').map((name) => (name.length > 10 ? 'σ' : name))
}
