// Everything that is drawn and said, as numbers: a pure function of the controls.

import {
  Quadratic, cgFilter, exactFilter, explicitFilter, momentumFilter, residualPolynomial, stepLimit,
} from './quadratic_math.js'
import { FRAME, STEPS } from './quadratic_state.js'

const LARGEST = 1 // λ_max
export const SPECTRUM_END = 1.2
const SAMPLES = 241

/** Return lines (path and curve of each kind of step), factors, limits. */
export function reading(values) {
  const { s, kappa, angle, beta, k, x, y } = values
  const eigenvalues = [LARGEST, LARGEST / kappa]
  const quadratic = new Quadratic(eigenvalues, (angle * Math.PI) / 180)
  const start = [x, y]
  const polynomial = quadratic.polynomialAt(start, s, k)
  const lambda = Array.from({ length: SAMPLES }, (_, i) => (SPECTRUM_END * i) / (SAMPLES - 1))
  // The factor of a step is that of its slowest component.
  const line = (path, filter) => {
    const at = eigenvalues.map(filter)
    return { path, curve: lambda.map(filter), at, factor: Math.max(...at.map(Math.abs)) }
  }
  const lines = {
    explicit: line(quadratic.explicit(start, s, STEPS), (value) => explicitFilter(value, s)),
    exact: line(quadratic.implicit(start, s, STEPS), (value) => exactFilter(value, s)),
    cg: line(quadratic.conjugate(start, s, k, STEPS), (value) => cgFilter(value, polynomial)),
  }
  lines.cg.factor = meanFactor(lines.cg.path)
  lines.cg.residual = eigenvalues.map((value) => residualPolynomial(polynomial, value + 1 / s))
  if (beta > 0) {
    const path = quadratic.explicit(start, s, STEPS, beta)
    lines.momentum = line(path, (value) => momentumFilter(s * value, beta))
  }
  return {
    values: { ...values }, eigenvalues, lambda, lines,
    limit: stepLimit(LARGEST, 0), momentumLimit: stepLimit(LARGEST, beta), limitLambda: 2 / s,
  }
}

/** Geometric mean of the change in distance to the minimum, while it is above rounding. */
function meanFactor(path) {
  const size = ([a, b]) => Math.hypot(a, b)
  const first = size(path[0])
  let last = path.length - 1
  while (last > 1 && size(path[last]) < 1e-12 * first) last -= 1
  return first > 0 ? (size(path[last]) / first) ** (1 / last) : 1
}

/** How far a path is drawn: to its last point inside, and one more that leads out. */
export function clipped(path, halfWidth, shown) {
  const inside = ([a, b]) => Math.abs(a) <= halfWidth && Math.abs(b) <= FRAME
  const known = path.slice(0, shown + 1)
  let last = known.length - 1
  while (last > 0 && !inside(known[last])) last -= 1
  const left = last < known.length - 1 ? last + 1 : null
  const points = known.slice(0, last + 1)
  return { points, left, exit: left === null ? null : exitPoint(known[last], known[left], halfWidth) }
}

/** Where the way from a point inside to one outside crosses the frame; the outside may be infinite. */
function exitPoint(from, to, halfWidth) {
  const step = [to[0] - from[0], to[1] - from[1]].map((v) => (Number.isFinite(v) ? v : Math.sign(v || 0) * 1e300))
  const bounds = [halfWidth, FRAME]
  const reach = step.map((v, i) => (v === 0 ? Infinity : (Math.sign(v) * bounds[i] - from[i]) / v))
  const share = Math.min(1, Math.max(0, Math.min(...reach)))
  return [from[0] + share * step[0], from[1] + share * step[1]]
}

/** The ways as a table: a row a step. */
export function pathRows({ lines }) {
  const kinds = Object.keys(lines)
  const rows = lines[kinds[0]].path.map((_, n) => [n, ...kinds.flatMap((kind) => lines[kind].path[n])])
  return [['step', ...kinds.flatMap((kind) => [`${kind}_x`, `${kind}_y`])], ...rows]
}

/** The factors as a table: a row an eigenvalue. */
export function curveRows({ lambda, lines }) {
  const kinds = Object.keys(lines)
  return [['eigenvalue', ...kinds], ...lambda.map((value, i) => [value, ...kinds.map((kind) => lines[kind].curve[i])])]
}
