// Numbers as a person writes them: the same on every tile, axis, and label.

/** Three significant digits. */
export function number(value, digits = 3) {
  if (value === undefined) return '–'
  if (value === null || !Number.isFinite(value)) return 'not finite'
  if (value === 0) return '0'
  const size = Math.abs(value)
  if (size >= 1e4 || size < 1e-3) {
    const [mantissa, exponent] = value.toExponential(digits - 1).split('e')
    return `${mantissa}·${power(Number(exponent))}`
  }
  const rounded = value.toPrecision(digits)
  return rounded.includes('e') || size >= 10 ** digits ? String(Math.round(value)) : rounded
}

/** A power of ten: 10⁻³. */
export function power(exponent) {
  return `10${String(exponent).replace(/[-0-9]/g, (c) => (c === '-' ? '⁻' : '⁰¹²³⁴⁵⁶⁷⁸⁹'[c]))}`
}

/** Words of a run with the numbers in them as everywhere else: 1.52e+04 is 1.52·10⁴. */
export const spelled = (words) =>
  words.replace(/(\d)e([+-]?\d+)/g, (_, digit, exponent) => `${digit}·${power(Number(exponent))}`)

/** The shortest text of a number with at most `digits` significant digits: 0.05, 2, 1e+21. */
export const plain = (value, digits = 3) => String(Number(value.toPrecision(digits)))

/** A number in the way a tile's or an axis' format asks for. */
export function formatted(value, format) {
  if (value === undefined) return '–'
  if (value === null) return 'not finite'
  if (format.endsWith('%')) return `${(100 * value).toFixed(Number(format.slice(1, -1) || 0))} %`
  if (format === 's') return duration(value)
  if (format === 'd') return Math.round(value).toLocaleString('en').replace(/,/g, '\u2009')
  return number(value, Number(format.match(/\.(\d)/)?.[1] ?? 3))
}

/** Seconds with an SI prefix: 1.20 ms, 43 µs, 2.50 s. */
export function duration(seconds) {
  if (seconds === 0) return '0 s'
  for (const [unit, size] of [['s', 1], ['ms', 1e-3], ['µs', 1e-6]]) {
    if (Math.abs(seconds) >= size) return `${number(seconds / size)} ${unit}`
  }
  return `${number(seconds / 1e-9)} ns`
}

/** Time left, in the coarsest words that help: 8 s, 2 min 05 s, 1 h 10 min. */
export function timeLeft(seconds) {
  const whole = Math.max(1, Math.round(seconds))
  if (whole < 60) return `${whole} s`
  const pad = (value) => String(value).padStart(2, '0')
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${pad(whole % 60)} s`
  return `${Math.floor(whole / 3600)} h ${pad(Math.floor((whole % 3600) / 60))} min`
}
