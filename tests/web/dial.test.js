import { mount, place } from '/web/dial.js'
import { close, equal, test } from './harness.js'

test('a value stands between its marks by its logarithm, and never outside of them', () => {
  const stops = ['0.1', '1', '10']
  close([0.1, 1, Math.sqrt(10), 10].map((value) => place(value, stops)), [0, 1, 1.5, 2])
  close([0.001, 1e9, 0, NaN].map((value) => place(value, stops)), [0, 2, 0, 2])
})

const palette = { lines: {}, grid: '#ddd', line: '#999', muted: '#666', text: '#222' }
const later = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds))

test('what a late page says takes no key away that was not sent yet', async () => {
  const parentElement = document.body.appendChild(document.createElement('div'))
  const sent = []
  const say = (text) => mount({
    key: 'eta',
    parentElement,
    data: {
      key: 'eta', label: 'η', help: '', empty: '', text, at: Number(text), stops: ['0.1', '1', '10', '100'],
      palettes: { light: palette, dark: palette },
    },
    setTriggerValue: (name, { text: value }) => sent.push(value),
  })
  const shown = () => parentElement.querySelector('input[type=text]').value
  const press = (key) =>
    parentElement.querySelector('[type=range]').dispatchEvent(new KeyboardEvent('keydown', { key }))
  say('1')
  press('ArrowRight')
  await later(250)
  press('ArrowRight')
  say('10') // the page has the first one by now
  equal(shown(), '100')
  await later(250)
  equal(sent, ['10', '100'])
  say('10') // a rerun from before the second one
  equal(shown(), '100')
  say('100')
  say('10') // by another window
  equal(shown(), '10')
  const slider = parentElement.querySelector('[type=range]')
  slider.value = 3
  slider.dispatchEvent(new Event('input'))
  say('1')
  equal(shown(), '100')
  window.dispatchEvent(new Event('pointerup')) // it was turned back before: no change
  await later(10)
  equal(shown(), '1') // what was said meanwhile
  say('0.1')
  equal(shown(), '0.1')
  parentElement.remove()
})
