// The least that small tests need: named tests, deep equality, closeness.

const tests = new Map()

/** Register a test; pytest runs it by its name (test_modules.py). */
export function test(name, call) {
  if (tests.has(name)) throw new Error(`two tests are called ${name}`)
  tests.set(name, call)
}

export async function run(name) {
  await tests.get(name)()
}

/** Fail unless two values are the same, all the way down. */
export function equal(found, expected) {
  const [left, right] = [found, expected].map((value) => JSON.stringify(value, plain))
  if (left !== right) throw new Error(`found ${left}, expected ${right}`)
}

/** Fail unless numbers, or lists of them, agree to a relative tolerance. */
export function close(found, expected, tolerance = 1e-12) {
  const [left, right] = [found, expected].map((value) => [value].flat(Infinity))
  const same = left.length === right.length && left.every((value, i) =>
    value === right[i] || Math.abs(value - right[i]) <= tolerance * Math.max(1, Math.abs(right[i])))
  if (!same) throw new Error(`found ${left}, expected ${right}`)
}

/** JSON has no infinity, no NaN, no undefined, and no sets. */
function plain(_, value) {
  if (value === undefined) return 'undefined'
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value)
  return value instanceof Set ? [...value] : value
}
