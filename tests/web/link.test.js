import { Link, differsHere } from '/web/link.js'
import { equal, test } from './harness.js'

test('only what a picture on the page keeps makes two links differ here', () => {
  const link = new Link()
  link.follow({ s: null, n: null })
  try {
    equal(differsHere('/stability?s=1.5', '/stability?s=2'), true)
    equal(differsHere('/stability', '/stability?n=3&s=2'), true)
    equal(differsHere('/layers?s=1.5', '/stability?s=2'), false)
    equal(differsHere('/stability?view=Real+layers', '/stability?s=2'), false)
  } finally {
    link.end({ s: null, n: null })
  }
  equal(differsHere('/stability?s=1.5', '/stability?s=2'), false)
})
