import { sentence } from '/web/status.js'
import { equal, test } from './harness.js'

test('a run that goes on elsewhere says where, one that has ended says how', () => {
  equal(sentence({ words: '', place: 'on b' }, 'running'), 'on b')
  equal(sentence({ words: '', place: '' }, 'running'), '')
  equal(sentence({ words: 'diverged at step 37', place: '' }, 'diverged'), 'at step 37')
})
