import { choiceOf, obey } from '/web/chart_choice.js'
import { nearest, zoomed } from '/web/chart_frames.js'
import { rowsOf } from '/web/chart_lines.js'
import { equal, test } from './harness.js'

test('a zoom is read from what Plotly reports, axes that share a range once', () => {
  const layout = { xaxis: {}, xaxis2: { matches: 'x' }, yaxis: {} }
  const change = { 'xaxis2.range[0]': 1, 'xaxis2.range[1]': 2, 'yaxis.range': [3, 4], dragmode: 'zoom' }
  equal(zoomed(change, layout), { xaxis: [1, 2], yaxis: [3, 4] })
})

test('the nearest point of a line', () => {
  equal([-1, 0.4, 0.6, 2, 9].map((x) => nearest([0, 1, 2], x)), [0, 0, 1, 2, 2])
  equal(nearest([], 1), -1)
})

test('what is drawn as a table', () => {
  const line = (about, values, more = {}) => ({ about, columns: { step: [0, 1], value: values }, std: null, ...more })
  const lines = [
    line({ run: 'r', series: 'mean/e/loss' }, [1, null], { std: [0.5, 0.25] }),
    line({ run: 'r', series: '0/e/loss' }, [3, 4], { hidden: true }),
    { about: null, columns: undefined },
  ]
  equal(rowsOf(lines), [
    ['run', 'series', 'step', 'value'],
    ['r', 'mean/e/loss', 0, 1], ['r', 'mean/e/loss', 1, 'nan'], ['r', 'std/e/loss', 0, 0.5], ['r', 'std/e/loss', 1, 0.25],
  ])
  equal(rowsOf([]), [])
})

const page = { key: 'k1', x: 'step', logY: true, quantities: [], owned: true }

test('a choice is kept in the page', () => {
  choiceOf(page).x = 'seconds'
  equal(choiceOf(page).x, 'seconds')
  equal(choiceOf({ ...page, subject: 'another' }).x, 'step')
})

test('what the page says counts, unless it repeats what was sent', () => {
  const choice = choiceOf({ ...page, key: 'k2' })
  Object.assign(choice, { x: 'epoch', log: false, ranges: { xaxis: [0, 1] }, sent: ['{"x":"step","log":true,"smooth":false}'] })
  obey(choice, page)
  equal([choice.x, choice.ranges], ['epoch', { xaxis: [0, 1] }])
  obey(choice, { ...page, x: 'seconds' })
  equal([choice.x, choice.log, choice.ranges], ['seconds', true, {}])
})

test('a target of the page counts when it changes', () => {
  const choice = choiceOf({ ...page, key: 'k3' })
  const given = (target) => ({ ...page, owned: false, quantities: [{ series: 'e/loss', target }] })
  obey(choice, given(0.5))
  choice.targets['e/loss'] = 0.2
  obey(choice, given(0.5))
  equal(choice.targets, { 'e/loss': 0.2 })
  obey(choice, given(0.7))
  equal(choice.targets, { 'e/loss': 0.7 })
})
