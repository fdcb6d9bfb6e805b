// When a curve gets to a target: the same definition as proxprop.spec.curves.

/**
 * Where the points (x, y) first reach `target`, between two points along the straight line; null if
 * they never do. `below` says whether it is reached by falling to it, as a loss does.
 */
export function crossing({ x, y }, target, below) {
  const index = y.findIndex((value) => value !== null && (below ? value <= target : value >= target))
  if (index < 0) return null
  if (index === 0 || y[index - 1] === null) return x[index]
  const part = (y[index - 1] - target) / (y[index - 1] - y[index])
  return x[index - 1] + part * (x[index] - x[index - 1])
}
