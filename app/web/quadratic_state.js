// What a person can set on the quadratic, and the link that says it.

import { plain } from './format.js'

/** name: label, symbol, help, range; `log` sliders move in decades. `live`: only while it matters. */
export const CONTROLS = {
  s: {
    label: 'Step size', symbol: 's = τ', low: 0.02, high: 50, log: true, digits: 3, first: 2.2,
    help: 'Explicit step s and proximal step τ, matched: both move by s·gradient where they are small. '
      + 'No unit, 0.02 to 50.',
  },
  kappa: {
    label: 'Condition', symbol: 'κ', low: 1, high: 1000, log: true, digits: 3, first: 10,
    help: 'Largest over smallest eigenvalue; the largest stays λ_max = 1. 1 to 1000.',
  },
  angle: {
    label: 'Angle', symbol: '', low: -90, high: 90, digits: 3, grain: 1, first: 30, unit: '°',
    help: 'Direction of the steep axis, −90° to 90°.',
  },
  beta: {
    label: 'Momentum', symbol: 'β', low: 0, high: 0.95, digits: 2, grain: 0.01, first: 0,
    help: 'Share of the last explicit step kept (heavy ball), 0 to 0.95; 0 draws no such line.',
  },
  k: {
    label: 'CG steps', symbol: 'k', low: 1, high: 3, grain: 1, digits: 1, first: 1,
    help: 'Steps of conjugate gradients per implicit step; two solve two dimensions exactly. '
      + 'Its curve holds for this start point.',
  },
  n: {
    label: 'Steps shown', symbol: 'n', low: 0, high: 30, grain: 1, digits: 2, first: 30,
    help: 'How many steps of each kind are drawn.',
  },
}
const START = [-1.7, 1.05]
export const STEPS = CONTROLS.n.high
export const FRAME = 2 // half the height of the picture, in units of x
const LINK = ['s', 'kappa', 'angle', 'beta', 'k', 'n', 'x', 'y']

export function initial() {
  const values = Object.fromEntries(Object.entries(CONTROLS).map(([name, { first }]) => [name, first]))
  return { ...values, x: START[0], y: START[1] }
}

/** Return the value if it is allowed, else null. */
export function allowed(name, value) {
  const { low, high, grain } = CONTROLS[name] ?? { low: -10, high: 10 }
  if (!Number.isFinite(value) || value < low || value > high) return null
  return grain === 1 ? Math.round(value) : value
}

/** Slider position ↔ value; values are numbers a person would write. */
export const position = ({ log }, value) => (log ? Math.log10(value) : value)
export function valueAt({ log, digits, low, high }, at) {
  const value = Number((log ? 10 ** at : at).toPrecision(digits))
  return Math.min(high, Math.max(low, value))
}

export function readLink(values, search = window.location.search) {
  const query = new URLSearchParams(search)
  for (const name of LINK) {
    const text = query.get(name)
    const value = text === null || text.trim() === '' ? null : allowed(name, Number(text))
    if (value !== null) values[name] = value
  }
  return values
}

/** What a link says of the values: nothing of those that are as at first, or where there are none. */
export function written(values) {
  const first = initial()
  const text = (name) => (!values || values[name] === first[name] ? null : plain(values[name], 6))
  return Object.fromEntries(LINK.map((name) => [name, text(name)]))
}
