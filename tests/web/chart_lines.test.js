import { linesOf, lookedAt, rowsOf } from '/web/chart_lines.js'
import { close, equal, test } from './harness.js'

const series = (...y) => ({ step: y.map((_, i) => 10 * i), epoch: y.map((_, i) => i), seconds: y.map((_, i) => i / 2), y })
const trace = (key, more = {}) => ({
  name: 'exact', line: { color: '#0072B2', dash: 'dash', width: 2.5 }, hovertemplate: '%{y}',
  meta: { run: 'r', series: key, seeds: [], label: 'exact', ...more },
})
const hubOf = (found, state = {}) => ({
  run: () => ({ status: 'running', marks: [], progress: 0.5, ...state }), series: (_, key) => found[key],
})
const choice = { x: 'epoch', hidden: new Set(), targets: {}, log: false }
const figureOf = (...data) => ({ smoothing: 0, figure: { data, layout: { meta: { thick: 1 } } } })

test('a live line takes its numbers from its series', () => {
  const [line] = linesOf(figureOf(trace('0/steps/loss')), hubOf({ '0/steps/loss': series(3, 2) }), choice)
  equal([line.x, line.y, line.named, line.live], [[0, 1], [3, 2], true, true])
  equal(line.about, { run: 'r', series: '0/steps/loss', label: 'exact' })
})

test('a series that has not come is an empty line', () => {
  const [line] = linesOf(figureOf(trace('0/steps/loss')), hubOf({}), choice)
  equal([line.x, line.y], [[], []])
})

test('seeds stand faintly behind their mean', () => {
  const seeds = ['0/e/loss', '3/e/loss']
  const hub = hubOf({ '0/e/loss': series(2, 1), '3/e/loss': series(2, 3) }, { status: 'ended' })
  const lines = linesOf(figureOf(trace('0/e/loss', { seeds })), hub, choice)
  equal(lines.map(({ faint, name }) => [faint, name]), [[true, 'exact (N = 2)'], [true, 'exact (N = 2)'], [false, 'exact (N = 2)']])
  equal(lines[0].trace.line.dash, 'solid')
  const mean = lines[2]
  close(mean.y, [2, 2])
  equal([mean.about.series, mean.seeds.length, mean.owner], ['mean/e/loss', 2, 'exact'])
})

test('smoothing keeps what was measured behind the line', () => {
  const figure = { ...figureOf(trace('0/e/loss')), smoothing: 1 }
  const lines = linesOf(figure, hubOf({ '0/e/loss': series(4, 2) }), { ...choice, smooth: true })
  equal(lines.map(({ faint }) => faint), [true, false])
  equal(lines[0].y, [4, 2])
  equal(lines[1].y[1] > 2, true)
  equal(lines[1].seeds, [{ x: [0, 1], y: [4, 2] }])
})

test('a hidden name hides all that belongs to it', () => {
  const sign = { name: 'target reached', legendgroup: 'exact', x: [1], y: [2] }
  const lines = linesOf(figureOf(trace('0/e/loss'), sign), hubOf({}), { ...choice, hidden: new Set(['exact']) })
  equal(lines.map(({ hidden }) => hidden), [true, true])
})

test('an imported line has its points with it, and is not drawn by an axis it does not tell', () => {
  const told = { step: [0, 10], epoch: [0, 1], seconds: [], y: [3, null] }
  const imported = trace('0/e/loss', { run: '', points: { 'e/loss': told } })
  const hub = { run: () => ({ status: null, marks: [] }), series: () => undefined }
  const [line] = linesOf(figureOf(imported), hub, choice)
  equal([line.x, line.y, line.named, line.live], [[0, 1], [3, null], true, false])
  equal(line.seeds, [{ x: [0, 1], y: [3, null] }])
  equal(linesOf(figureOf(imported), hub, { ...choice, x: 'seconds' }), [])
  const other = trace('0/e/accuracy', { run: '', points: { 'e/loss': told } })
  equal(linesOf(figureOf(other), hub, choice), [])
  equal(rowsOf([line]).slice(1), [['', '0/e/loss', 'exact', 0, 0, 'nan', 3], ['', '0/e/loss', 'exact', 10, 1, 'nan', 'nan']])
})

test('an imported line that tells no epochs has no running mean', () => {
  const points = { 'e/loss': { step: [0, 10], epoch: [], seconds: [], y: [3, 2] } }
  const figure = { ...figureOf(trace('0/e/loss', { run: '', points })), smoothing: 1 }
  const hub = { run: () => ({ status: null, marks: [] }), series: () => undefined }
  equal(linesOf(figure, hub, { ...choice, x: 'step', smooth: true }).map(({ y }) => y), [[3, 2]])
})

test('a recorded line is as it was given', () => {
  const figure = figureOf({ name: 'a', x: [1], y: [2], meta: { label: 'a', std: [0.5], about: { seed: 1 } } })
  figure.figure.layout.meta.csv = ['x_value', 'y_value']
  const [line] = linesOf(figure, hubOf({}), choice)
  equal([line.std, line.columns, line.named], [[0.5], { x_value: [1], y_value: [2] }, true])
})

test('looking at another quantity changes series, axis and target', () => {
  const quantities = [{
    series: 'evaluations/accuracy', title: 'Who learns?', y_title: 'accuracy', tickformat: ',.0%', hover: '%{y:.1%}',
    target: 0.9, below: false,
  }]
  const layout = { yaxis: { title: { text: 'loss' } } }
  const data = { quantities, figure: { data: [trace('2/evaluations/loss', { seeds: ['2/evaluations/loss'] })], layout } }
  const looked = lookedAt(data, { ...choice, quantity: 'evaluations/accuracy', targets: { 'evaluations/accuracy': 0.8 } })
  equal([looked.title, looked.target], ['Who learns?', 0.8])
  equal(looked.figure.data[0].meta.series, '2/evaluations/accuracy')
  equal(looked.figure.data[0].meta.seeds, ['2/evaluations/accuracy'])
  equal(looked.figure.layout.yaxis, { title: { text: 'accuracy' }, tickformat: ',.0%' })
})
