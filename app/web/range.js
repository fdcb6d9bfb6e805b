// Which part of the plane to show: extremes that mean something stay in, runaway values do not.

const LADDER = [1, 1.25, 1.6, 2, 2.5, 3.2, 4, 5, 6.4, 8, 10]

function quantile(sorted, q) {
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))]
}

/** Largest value of a line worth showing. A diverged line may leave the frame at the top. */
function top(values, diverged, log) {
  const sizes = values.map(Math.abs).toSorted((a, b) => a - b)
  const usual = Math.max(Math.abs(values[0]), quantile(sizes, diverged ? 0.5 : 0.95))
  const limit = (log ? 100 : 1) * (diverged ? Math.min(2 * Math.abs(values[0]) || usual, 2 * usual) : usual)
  const inside = values.filter((value) => Math.abs(value) <= (diverged ? limit : 20 * limit))
  return inside.length ? Math.max(...inside) : limit
}

/**
 * The vertical range for lines {values, diverged}, on a log axis as exponents.
 * `before` is the range shown last: it stays while it still fits, so that the picture is calm.
 */
export function verticalRange(lines, log, before) {
  const usable = lines
    .map(({ y, diverged }) => ({
      values: y.filter((v) => v !== null && Number.isFinite(v) && (!log || v > 0)),
      diverged,
    }))
    .filter(({ values }) => values.length)
  if (!usable.length) return log ? [-2, 1] : [0, 1]
  let high = Math.max(...usable.map(({ values, diverged }) => top(values, diverged, log)))
  let low = Infinity
  for (const { values } of usable) {
    for (const value of values) if (value < low && value >= -20 * Math.abs(high || 1)) low = value
  }
  if (!Number.isFinite(low)) low = Math.min(high, 0)
  if (log) {
    ;[low, high] = [Math.log10(low), Math.log10(Math.max(high, low))]
  } else if (low >= 0 && low < 0.4 * high) low = 0
  const span = high - low || Math.abs(high) || 1
  const needed = [low === 0 && !log ? 0 : low - 0.05 * span, high + 0.06 * span]
  if (before && before[0] <= low && high <= before[1]) {
    const share = (high - low) / (before[1] - before[0])
    if (share > 0.7) return before
  }
  return needed
}

/** The horizontal range; while runs go on the right edge moves in steps, not continuously. */
export function horizontalRange(lines, live, ends) {
  let low = Infinity
  let high = -Infinity
  for (const { x } of lines) {
    if (!x.length) continue
    low = Math.min(low, x[0])
    high = Math.max(high, x[x.length - 1])
  }
  if (high < low) return [0, 1]
  low = low > 0 && low < 0.1 * high ? 0 : low
  if (live) {
    const edge = rung(high)
    high = ends !== null && ends >= high ? Math.min(edge, ends) : edge
  }
  if (high === low) high = low + 1
  return [low, high + 0.005 * (high - low)]
}

function rung(value) {
  if (value <= 0) return 1
  const decade = 10 ** Math.floor(Math.log10(value))
  return decade * LADDER.find((factor) => factor * decade >= value * 1.001 || factor === 10)
}
