// E and its parts as bars on one logarithmic axis: explicit above, implicit below; a tick marks
// where a bar stood before the stage.

import { make, number } from './dom.js'
import { math } from './slow_math.js'

const SIDES = ['explicit', 'implicit']
const MOST_LAYERS = 2 // with more hidden layers, their parts are summed

export class Energy {
  constructor() {
    this.body = make('div', { class: 'pp-energy-rows' })
    this.legend = make(
      'div',
      { class: 'pp-energy-legend' },
      ...SIDES.map((side) => make('span', { 'data-side': side }, side)),
    )
    this.root = make('section', { class: 'pp-energy', 'aria-label': 'Penalty energy' }, this.legend, this.body)
  }

  /** Set up the rows of a trace; bars move afterwards, they are never made anew. */
  prepare(trace) {
    const hidden = trace.layers.length - 1
    this.parts = [
      { tex: 'E', of: (energy) => energy.total },
      { tex: 'L_y', of: (energy) => energy.data, note: 'loss' },
      ...(hidden > MOST_LAYERS ? summed() : single(hidden)),
    ]
    this.range = rangeOf(trace.frames, this.parts)
    this.rows = this.parts.map((part) => makeRow(part))
    this.body.replaceChildren(...this.rows.map((row) => row.root), axis(this.range))
  }

  show(frame) {
    for (const { part, sides } of this.rows) {
      for (const side of SIDES) {
        const { before, after } = frame.energy[side]
        const { bar, tick, value } = sides[side]
        const now = after && part.of(after)
        bar.style.width = after ? `${this.place(now)}%` : '0'
        const was = before && part.of(before)
        const moved = after && before && Math.abs(was - now) > 1e-12 * Math.max(was, now)
        tick.hidden = !moved
        if (moved) tick.style.left = `${this.place(was)}%`
        value.textContent = after ? number(now) : '–'
        value.dataset.value = after ? String(now) : ''
        value.classList.toggle('pp-changed', Boolean(moved))
      }
    }
  }

  place(value) {
    const [low, high] = this.range
    if (!(value > 0)) return 0
    return 100 * Math.min(1, Math.max(0.004, (Math.log10(value) - low) / (high - low)))
  }
}

function single(hidden) {
  const parts = []
  for (let l = hidden; l >= 1; l -= 1) {
    parts.push({ tex: `\\tfrac\\gamma2 \\| \\sigma(z_${l}) - a_${l} \\|^2`, of: (energy) => energy.activation[l - 1] })
    parts.push({ tex: `\\tfrac\\rho2 \\| \\varphi_${l} - z_${l} \\|^2`, of: (energy) => energy.linear[l - 1] })
  }
  return parts
}

function summed() {
  const sum = (values) => values.reduce((total, value) => total + value, 0)
  return [
    { tex: '\\text{all } \\tfrac\\gamma2 \\| \\sigma(z_l) - a_l \\|^2', of: (energy) => sum(energy.activation) },
    { tex: '\\text{all } \\tfrac\\rho2 \\| \\varphi_l - z_l \\|^2', of: (energy) => sum(energy.linear) },
  ]
}

function rangeOf(frames, parts) {
  const values = frames.flatMap((frame) =>
    SIDES.flatMap((side) => (frame.energy[side].after ? parts.map((part) => part.of(frame.energy[side].after)) : [])),
  )
  const positive = values.filter((value) => value > 0 && Number.isFinite(value))
  if (!positive.length) return [-1, 1]
  const high = Math.max(...positive)
  // Rounding is no energy: what is 12 decades below the top is drawn as nothing.
  const low = Math.min(...positive.filter((value) => value > 1e-9 * high))
  return [Math.floor(Math.log10(low) - 0.3), Math.ceil(Math.log10(high))]
}

function makeRow(part) {
  const sides = {}
  const lines = SIDES.map((side) => {
    const bar = make('div', { class: 'pp-bar-fill' })
    const tick = make('div', { class: 'pp-bar-tick', hidden: true })
    const value = make('span', { class: 'pp-bar-value' })
    sides[side] = { bar, tick, value }
    return make('div', { class: 'pp-bar-line', 'data-side': side }, make('div', { class: 'pp-bar-track' }, bar, tick), value)
  })
  const name = make('div', { class: 'pp-energy-name' }, math(part.tex))
  return { part, sides, root: make('div', { class: 'pp-energy-row' }, name, make('div', {}, ...lines)) }
}

function axis([low, high]) {
  const step = Math.max(1, Math.ceil((high - low) / 3))
  const marks = []
  for (let at = Math.ceil(low); at <= high; at += step) {
    const mark = make('span', { style: `left: ${(100 * (at - low)) / (high - low)}%` })
    mark.append(math(`10^{${at < 0 ? '-' : ''}${Math.abs(at)}}`))
    marks.push(mark)
  }
  return make('div', { class: 'pp-energy-axis' }, make('span', { class: 'pp-axis-name' }, 'log scale'), make('div', {}, ...marks))
}
