import { bandOf, meanOf, smoothed } from '/web/seeds.js'
import { close, equal, test } from './harness.js'

const seed = (...y) => ({ step: y.map((_, i) => 10 * i), epoch: y.map((_, i) => i), seconds: y.map((_, i) => i / 2), y })

test('the mean of seeds and their sample deviation', () => {
  const { y, std, n, step } = meanOf([seed(2, 1), seed(2, 3)], true, [false, false])
  equal([y, n, step], [[2, 2], 2, [0, 10]])
  close(std, [0, Math.SQRT2])
})

test('a seed under way waits until it is through', () => {
  const { y, std, n } = meanOf([seed(2, 1), seed(4)], false, [false, false])
  equal([y, std, n], [[2, 1], null, 1])
})

test('a diverged seed counts only where every seed did', () => {
  equal(meanOf([seed(2, 1), seed(2, 9)], true, [false, true]).y, [2, 1])
  equal(meanOf([seed(2, 1), seed(2, 9)], true, [true, true]).n, 1)
})

test('between thinned points a seed is read along the line', () => {
  const thinned = { step: [0, 20], epoch: [0, 2], seconds: [0, 1], y: [4, 2] }
  close(meanOf([seed(4, 2, 2), thinned], true, [false, false]).y, [4, 2.5, 2])
})

test('where one seed has no number the mean has none', () => {
  equal(meanOf([seed(2, null), seed(2, 3)], true, [false, false]).y, [2, null])
})

test('nothing begun has no mean', () => {
  equal(meanOf([undefined, seed()], false, [false, false]), null)
})

test('a band goes there and back, above zero on a logarithmic axis', () => {
  const line = { x: [0, 1, 2], y: [1, null, 2], std: [2, 1, 1] }
  equal(bandOf(line, null), { x: [0, 2, 2, 0], y: [3, 3, 1, -1] })
  equal(bandOf(line, 0.5).y, [3, 3, 1, 0.5])
  equal(bandOf({ ...line, std: null }, null), null)
})

test('a running mean looks back only', () => {
  const points = { epoch: [0, 1, 2, 3], y: [4, 2, null, 1] }
  const whole = smoothed(points, 2, false)
  const part = smoothed({ epoch: [0, 1], y: [4, 2] }, 2, false)
  close(whole.slice(0, 2), part)
  equal([whole[0], whole[2]], [4, null])
  equal(whole[3] > 1 && whole[3] < whole[1], true)
})

test('on a logarithmic axis the mean is of the logarithms', () => {
  const y = [8, 2, 0.5]
  const straight = smoothed({ epoch: [0, 1, 2], y: y.map(Math.log) }, 1, false)
  close(smoothed({ epoch: [0, 1, 2], y }, 1, true), straight.map(Math.exp))
  equal(smoothed({ epoch: [0, 1], y: [1, -1] }, 1, true)[1], null)
})
