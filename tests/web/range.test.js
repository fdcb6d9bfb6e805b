import { horizontalRange, verticalRange } from '/web/range.js'
import { close, equal, test } from './harness.js'

const line = (y, diverged = false) => ({ y, diverged })

test('nothing measured has a range all the same', () => {
  equal(verticalRange([], false), [0, 1])
  equal(verticalRange([line([null, null])], true), [-2, 1])
  equal(horizontalRange([{ x: [] }], false, null), [0, 1])
})

test('small positive values keep zero in sight', () => {
  const [low, high] = verticalRange([line([0.1, 1])], false)
  equal(low, 0)
  close(high, 1.06)
})

test('a logarithmic range is in exponents and leaves out what has none', () => {
  const [low, high] = verticalRange([line([10, 0, -1, 0.1, null])], true)
  close([low, high], [-1.1, 1.12])
})

test('a runaway line does not squeeze the others', () => {
  const [, high] = verticalRange([line([2.3, 2, 1]), line([2.3, 5, 1e3, 1e12], true)], false)
  equal(high < 20, true)
})

test('the range stays while it still fits, and grows when it must', () => {
  const before = [0, 1.2]
  equal(verticalRange([line([0.1, 1])], false, before), before)
  equal(verticalRange([line([0.1, 2])], false, before)[1] > 2, true)
  equal(verticalRange([line([0.1, 0.2])], false, before)[1] < 1, true)
})

test('the right edge moves in steps while a run goes on, up to its end', () => {
  const at = (last, ends) => horizontalRange([{ x: [0, last] }], true, ends)[1]
  equal(at(101, null), at(120, null))
  close(at(101, 110), 110 * 1.005)
  close(horizontalRange([{ x: [0, 101] }], false, null)[1], 101 * 1.005)
})
