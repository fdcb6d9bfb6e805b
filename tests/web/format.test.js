import { duration, formatted, number, plain, power, spelled, timeLeft } from '/web/format.js'
import { equal, test } from './harness.js'

test('three significant digits, powers beyond', () => {
  const expected = {
    0: '0', 0.012345: '0.0123', 12.345: '12.3', 999.9: '1000', 12345: '1.23·10⁴', 9876: '9876', '-0.5': '-0.500',
    0.00004642: '4.64·10⁻⁵', 1.5e12: '1.50·10¹²',
  }
  equal(Object.keys(expected).map((value) => number(Number(value))), Object.values(expected))
})

test('what is not there, and what is not finite', () => {
  equal([number(undefined), number(null), number(Infinity), number(NaN)], ['–', 'not finite', 'not finite', 'not finite'])
  equal([formatted(undefined, '.3g'), formatted(null, '.1%')], ['–', 'not finite'])
})

test('formats of tiles and axes', () => {
  equal(formatted(0.9634, '.1%'), '96.3 %')
  equal(formatted(1234.4, 'd'), '1\u2009234')
  equal(formatted(0.0234567, '.2g'), '0.023')
  equal(formatted(0.00123, 's'), '1.23 ms')
})

test('seconds with their prefix', () => {
  equal([0, 0.00123, 2.5, 4.3e-5, 2e-8].map(duration), ['0 s', '1.23 ms', '2.50 s', '43.0 µs', '20.0 ns'])
})

test('numbers within words', () => {
  equal(spelled('diverged at step 9: loss 127 → 1.52e+04, lr 1e-3'), 'diverged at step 9: loss 127 → 1.52·10⁴, lr 1·10⁻³')
})

test('time left in the coarsest words', () => {
  equal([0.2, 8.4, 125, 4200].map(timeLeft), ['1 s', '8 s', '2 min 05 s', '1 h 10 min'])
})

test('plain numbers and powers', () => {
  equal([plain(0.30000000000000004), plain(2), plain(1234.5678, 6)], ['0.3', '2', '1234.57'])
  equal([power(-3), power(12)], ['10⁻³', '10¹²'])
})
