import { namedOf, spread } from '/web/chart_names.js'
import { equal, test } from './harness.js'

const line = (owner, y, named = true) => ({ owner, named, y })

test('names that would touch are pushed apart, in order and inside', () => {
  equal(spread([10, 12, 50], 100, 15), [10, 25, 50])
  equal(spread([98, 99], 100, 15), [85, 100])
  equal(spread([30, 10], 100, 5), [30, 10])
})

test('each name once, and none for a line that holds no number', () => {
  const lines = [line('a', [1]), line('a', [2]), line('b', [null, null]), line('c', []), line('d', [1], false)]
  equal(namedOf(lines).map(({ owner }) => owner), ['a', 'c'])
})
