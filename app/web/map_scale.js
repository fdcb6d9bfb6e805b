// Loss as colour: dark is low. Cividis, made to read alike for all kinds of colour vision.

import { rgb } from './dom.js'

const STOPS = [
  '#00224e', '#123570', '#3b496c', '#575d6d', '#707173', '#8a8678', '#a59c74', '#c3b369', '#e1cc55', '#fee838',
].map(rgb)
const DECADES = 2 // below the loss of a constant prediction

/** Share of the scale, 0 for low losses and 1 for the constant predictor's. */
export function share(loss, constant) {
  const value = 1 + Math.log10(loss / constant) / DECADES
  return Math.min(1, Math.max(0, value))
}

export function color(at) {
  const place = at * (STOPS.length - 1)
  const low = Math.min(STOPS.length - 2, Math.floor(place))
  const [from, to] = [STOPS[low], STOPS[low + 1]]
  return `rgb(${from.map((value, i) => Math.round(value + (place - low) * (to[i] - value))).join(' ')})`
}

/** Losses that a person reads beside the scale. */
export function ticks(constant) {
  const low = constant * 10 ** -DECADES
  const values = []
  for (let power = -6; power <= 6; power += 1) {
    for (const digit of [1, 3]) {
      const value = digit * 10 ** power
      if (value >= low * 0.999 && value <= constant) values.push(value)
    }
  }
  return values
}

/** The map as a table: one line a run. */
export function mapRows({ methods, seeds }) {
  const head = ['method', 'lr', 'tau', 's', 'seed', 'outcome', 'train_loss', 'accuracy', 'steps']
  const rows = methods.flatMap((method) =>
    method.s.flatMap((s, cell) =>
      seeds.map((seed, i) => [
        method.label, method.lr[cell], method.solver === 'explicit' ? '' : method.tau[cell], s, seed,
        ...['outcomes', 'losses', 'accuracies', 'steps'].map((name) => method[name][cell][i] ?? ''),
      ]),
    ),
  )
  return [head, ...rows]
}

/** Edges of cells around logarithmically placed centres. */
export function edges(centres) {
  const logs = centres.map(Math.log10)
  if (logs.length === 1) return [logs[0] - 0.1, logs[0] + 0.1]
  const inner = logs.slice(1).map((value, i) => (value + logs[i]) / 2)
  return [2 * logs[0] - inner[0], ...inner, 2 * logs[logs.length - 1] - inner[inner.length - 1]]
}
