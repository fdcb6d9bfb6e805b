import { namesAlong } from '/web/chart_words.js'
import { equal, test } from './harness.js'

const theme = { font: 'sans-serif', background: '#ffffff', shade: (color) => color }
const panel = { x: 'x', y: 'y', left: 0, top: 0, width: 400, height: 200, log: false, toX: (x) => 4 * x, toY: (y) => 200 - 2 * y }
const line = (y, label) => ({ on: 'y', x: [0, 25, 50, 75, 100], y, trace: { line: { color: '#000000', dash: 'dash' }, meta: { label } } })

test('a name stands beside its own line', () => {
  const names = namesAlong([line([90, 90, 90, 90, 90], 'high'), line([10, 10, 10, 10, 10], 'low')], [panel], [], { font: 12, theme })
  const [high, low] = names.map(({ y }) => y)
  equal([high > 0.75, low < 0.4], [true, true])
})

test('names go to the panel with the clearest places', () => {
  const crowded = { ...panel, x: 'x2', y: 'y2' }
  const second = (y, label) => ({ ...line(y, label), on: 'y2' })
  const lines = [line([90, 60, 40, 20, 10], 'a'), line([10, 20, 40, 60, 90], 'b'), second([50, 50, 50, 50, 50], 'a'), second([50, 50, 50, 50, 50], 'b')]
  equal(namesAlong(lines, [crowded, panel], [], { font: 12, theme }).map(({ xref }) => xref), ['x domain', 'x domain'])
})
