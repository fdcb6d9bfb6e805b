import { extend } from '/web/hub.js'
import { equal, test } from './harness.js'

const points = { step: [0, 1, 2], epoch: [0, 1, 2], seconds: [0, 1, 2], y: [5, 6, 7] }
const tail = { step: [9], epoch: [9], seconds: [9], y: [null] }

test('a series is cut, then appended to', () => {
  const grown = (from) => extend(points, { from, ...tail }).y
  equal([grown(2), grown(0), grown(3)], [[5, 6, null], [null], [5, 6, 7, null]])
  equal(extend(undefined, { from: 2, ...tail }), tail)
})
