// A two-dimensional quadratic and what each kind of step does on it: the same closed forms as
// tests/analysis/quadratic.py, in the same order of operations.

const EPSILON = 2 ** -52

export const explicitFilter = (value, step) => 1 - step * value
export const exactFilter = (value, tau) => 1 / (1 + tau * value)

/** f(x) = ½ xᵀHx: eigenvalues `values`, axes turned by `angle` radians. */
export class Quadratic {
  constructor(values, angle) {
    this.values = values
    this.cos = Math.cos(angle)
    this.sin = Math.sin(angle)
  }

  /** Components of a point along the two eigenvectors. */
  along([x, y]) {
    return [x * this.cos + y * this.sin, -x * this.sin + y * this.cos]
  }

  point([a, b]) {
    return [a * this.cos - b * this.sin, a * this.sin + b * this.cos]
  }

  /** Gradient descent with torch's heavy ball: v ← βv + g, x ← x − sv. */
  explicit(start, step, steps, momentum = 0) {
    let position = this.along(start)
    let velocity = [0, 0]
    const path = [position]
    for (let n = 0; n < steps; n += 1) {
      velocity = velocity.map((v, i) => momentum * v + this.values[i] * position[i])
      position = position.map((x, i) => x - step * velocity[i])
      path.push(position)
    }
    return path.map((at) => this.point(at))
  }

  /** x⁺ = (I + τH)⁻¹ x. */
  implicit(start, tau, steps) {
    const along = this.along(start)
    const shrink = this.values.map((value) => exactFilter(value, tau))
    return Array.from({ length: steps + 1 }, (_, n) => this.point(along.map((x, i) => shrink[i] ** n * x)))
  }

  /** The implicit step solved by k CG steps from zero only. */
  conjugate(start, tau, k, steps) {
    let position = this.along(start)
    const path = [position]
    for (let n = 0; n < steps; n += 1) {
      const polynomial = cgPolynomial(this.values, rightHandSide(this.values, position), tau, k)
      position = position.map((x, i) => cgFilter(this.values[i], polynomial) * x)
      path.push(position)
    }
    return path.map((at) => this.point(at))
  }

  /** CG's residual polynomial in the step from `point`. */
  polynomialAt(point, tau, k) {
    return cgPolynomial(this.values, rightHandSide(this.values, this.along(point)), tau, k)
  }
}

const rightHandSide = (values, position) => position.map((x, i) => -values[i] * x)

/** CG on diag(λ + 1/τ) x = b from zero; its residual polynomial as step lengths and factors. */
function cgPolynomial(values, rhs, tau, steps) {
  const mu = values.map((value) => value + 1 / tau)
  const dot = (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0)
  const largest = Math.max(...rhs.map(Math.abs))
  let residual = largest > 0 ? rhs.map((x) => x / largest) : [...rhs]
  let direction = [...residual]
  let squared = dot(residual, residual)
  const negligible = (4 * EPSILON) ** 2 * squared
  const [alphas, betas] = [[], []]
  for (let k = 0; k < steps && squared > negligible; k += 1) {
    const image = direction.map((x, i) => mu[i] * x)
    const alpha = squared / dot(direction, image)
    residual = residual.map((r, i) => r - alpha * image[i])
    const previous = squared
    squared = dot(residual, residual)
    const beta = squared / previous
    direction = residual.map((r, i) => r + beta * direction[i])
    alphas.push(alpha)
    betas.push(beta)
  }
  return { tau, alphas, betas }
}

/** p_k(μ), by CG's own recurrence. */
export function residualPolynomial({ alphas, betas }, mu) {
  let [residual, direction] = [1, 1]
  alphas.forEach((alpha, k) => {
    residual -= alpha * mu * direction
    direction = residual + betas[k] * direction
  })
  return residual
}

/** 1 − λ(1 − p_k(μ))/μ, μ = λ + 1/τ. */
export function cgFilter(value, polynomial) {
  const mu = value + 1 / polynomial.tau
  return 1 - (value * (1 - residualPolynomial(polynomial, mu))) / mu
}

/** The larger modulus of the roots of r² − (1 + β − h) r + β = 0, h = sλ (heavy ball). */
export function momentumFilter(h, momentum) {
  const total = 1 + momentum - h
  const discriminant = total * total - 4 * momentum
  if (discriminant < 0) return Math.sqrt(momentum)
  const large = (total + (total >= 0 ? 1 : -1) * Math.sqrt(discriminant)) / 2
  const small = large === 0 ? 0 : momentum / large
  return Math.max(Math.abs(large), Math.abs(small))
}

/** The largest stable step of the heavy ball, 2(1 + β)/λ_max. */
export const stepLimit = (largest, momentum) => (2 * (1 + momentum)) / largest
