// E and its parts as bars on one logarithmic axis: explicit above, implicit below; a tick marks
// where a bar stood before the stage.

import { make } from './dom.js'
import { number, power } from './format.js'

const SIDES = ['explicit', 'implicit']

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
  prepare(trace, parts, formulas) {
    this.range = rangeOf(trace.frames, parts)
    this.rows = parts.map((part) => makeRow(part, formulas))
    this.body.replaceChildren(...this.rows.map((row) => row.root), axis(this.range))
  }

  show(frame) {
    for (const { part, sides } of this.rows) {
      for (const side of SIDES) {
        const { before, after } = frame.energy[side]
        const { bar, tick, value } = sides[side]
        const now = after && valueOf(part, after)
        bar.style.width = after ? `${this.place(now)}%` : '0'
        const was = before && valueOf(part, before)
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

/** The value of a part: at a place in a stage's energies, summed where it has one for each layer. */
function valueOf({ at }, energies) {
  return [at.reduce((inner, name) => inner[name], energies)].flat().reduce((sum, value) => sum + value, 0)
}

function rangeOf(frames, parts) {
  const energies = frames.flatMap(({ energy }) => SIDES.map((side) => energy[side].after)).filter(Boolean)
  const values = energies.flatMap((energy) => parts.map((part) => valueOf(part, energy)))
  const positive = values.filter((value) => value > 0 && Number.isFinite(value))
  if (!positive.length) return [-1, 1]
  const high = Math.max(...positive)
  // Rounding is no energy: what is 12 decades below the top is drawn as nothing.
  const low = Math.min(...positive.filter((value) => value > 1e-9 * high))
  return [Math.floor(Math.log10(low) - 0.3), Math.ceil(Math.log10(high))]
}

function makeRow(part, formulas) {
  const sides = {}
  const lines = SIDES.map((side) => {
    const bar = make('div', { class: 'pp-bar-fill' })
    const tick = make('div', { class: 'pp-bar-tick', hidden: true })
    const value = make('span', { class: 'pp-bar-value' })
    sides[side] = { bar, tick, value }
    const track = make('div', { class: 'pp-bar-track' }, bar, tick)
    return make('div', { class: 'pp-bar-line', 'data-side': side }, track, value)
  })
  const name = make('div', { class: 'pp-energy-name' })
  name.innerHTML = formulas[part.tex]
  return { part, sides, root: make('div', { class: 'pp-energy-row' }, name, make('div', {}, ...lines)) }
}

function axis([low, high]) {
  const step = Math.max(1, Math.ceil((high - low) / 3))
  const marks = []
  for (let at = Math.ceil(low); at <= high; at += step) {
    marks.push(make('span', { style: `left: ${(100 * (at - low)) / (high - low)}%` }, power(at)))
  }
  const name = make('span', { class: 'pp-axis-name' }, 'log scale')
  return make('div', { class: 'pp-energy-axis' }, name, make('div', {}, ...marks))
}
