// What is seen, in words with its numbers.

import { make } from './dom.js'
import { number, plain } from './format.js'

/** "grows ×1.31 a step" or "shrinks ×0.43 a step". */
export function change(factor, per = 'a step') {
  if (!Number.isFinite(factor)) return 'grows beyond all numbers'
  if (Math.abs(factor - 1) < 5e-4) return 'neither grows nor shrinks'
  return `${factor > 1 ? 'grows' : 'shrinks'} ×${number(factor)} ${per}`
}

const NAMES = { explicit: 'explicit', exact: 'implicit', momentum: 'momentum' }
export const shortName = (kind, k) => NAMES[kind] ?? `CG ${k}`

/** One sentence per line drawn: {kind, text}. */
function sentences({ lines, values }) {
  return Object.entries(lines).map(([kind, { factor }]) => ({
    kind,
    text: `${shortName(kind, values.k)}: ${change(factor, kind === 'cg' ? 'on average' : 'a step')}`,
  }))
}

/** Why: where the step stands with respect to its limit. */
function reason({ values, limit, momentumLimit, lines }) {
  const { s, k } = values
  const above = s > limit
  const flips = `1 − sλ_max = ${number(1 - s)}`.replace('-', '−')
  const explicit = above
    ? `Past 2/λ_max = ${plain(limit)} the explicit step overshoots along the steep axis, further each time: ${flips}.`
    : s === limit
      ? `At 2/λ_max = ${plain(limit)} the explicit step jumps back and forth along the steep axis for ever.`
      : `Below 2/λ_max = ${plain(limit)} the explicit step converges too: ${flips}.`
  const implicit = 'The implicit factor 1/(1 + τλ) stays below 1 for every τ.'
  const momentum = !lines.momentum
    ? ''
    : ` With momentum the limit is 2(1 + β)/λ_max = ${plain(momentumLimit)}.`
  const solved = k >= 2 ? ` ${k} CG steps are exact here.` : ''
  return `${explicit} ${implicit}${momentum}${solved}`
}

const HONEST =
  'This is a layer’s own problem, its target held still; in training the target moves at every step.'

/** Text whose λ_max and λ_min are set with a lowered index. */
function typeset(text) {
  return text.split(/_(max|min)/).map((part, i) => (i % 2 ? make('sub', {}, part) : part))
}

/** The caption's elements; `swatch(kind)` draws a line's sample. */
export function caption(reading, swatch) {
  const first = make('p', { class: 'pp-said' })
  sentences(reading).forEach(({ kind, text }) => {
    const [name, rest] = text.split(/: (.*)/)
    first.append(make('span', { 'data-kind': kind }, swatch(kind), make('b', {}, `${name}:`), ` ${rest}`))
  })
  return [first, make('p', { class: 'pp-why' }, ...typeset(`${reason(reading)} ${HONEST}`))]
}
