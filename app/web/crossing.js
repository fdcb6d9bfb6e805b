// When a curve gets to a target: the same definition as proxprop/spec/curves.py, where its reasons are.

/**
 * Where the points (x, y) first reach `target`, or null: between two points, losses straight in the
 * logarithm, accuracies and losses of 0 along the chord. `below`: by falling to it, as a loss does.
 */
export function crossing({ x, y }, target, below) {
  const index = y.findIndex((value) => value !== null && (below ? value <= target : value >= target))
  if (index < 0) return null
  const [before, after] = [y[index - 1] ?? null, y[index]]
  if (before === null) return x[index]
  const share = below && after > 0
    ? Math.log(before / target) / Math.log(before / after)
    : (before - target) / (before - after)
  return x[index - 1] + share * (x[index] - x[index - 1])
}

/** Of several seeds: the mean of the crossings of those that get there, and how many do; or null. */
export function arrival(curves, target, below) {
  const places = curves.map((curve) => crossing(curve, target, below)).filter((place) => place !== null)
  if (!places.length) return null
  return { x: places.reduce((sum, place) => sum + place, 0) / places.length, n: places.length }
}
