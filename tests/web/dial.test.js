import { place } from '/web/dial.js'
import { close, test } from './harness.js'

test('a value stands between its marks by its logarithm, and never outside of them', () => {
  const stops = ['0.1', '1', '10']
  close([0.1, 1, Math.sqrt(10), 10].map((value) => place(value, stops)), [0, 1, 1.5, 2])
  close([0.001, 1e9, 0, NaN].map((value) => place(value, stops)), [0, 2, 0, 2])
})
