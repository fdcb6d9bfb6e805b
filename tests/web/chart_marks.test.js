import { arrivals, crosses, drawMarks, marksOf } from '/web/chart_marks.js'
import { close, equal, test } from './harness.js'

const theme = { font: 'sans-serif', background: '#ffffff', shade: (color) => color }
const panel = { left: 50, top: 0, width: 400, height: 100, y: 'y', x: 'x', log: false, toX: (x) => 50 + 4 * x, toY: (y) => 100 - y, at: (share) => 100 * share }
const line = (key, more = {}) => ({ key, run: 'r', name: key, owner: key, y: [1, 2], x: [0, 1], trace: { line: { color: '#000000' } }, ...more })
const mark = (member, kind = 'set', step = 5) => ({ member, kind, step, label: kind === 'set' ? 'τ 1 → 2' : 'diverged at step 5' })
const hub = (...marks) => ({ run: () => ({ marks }) })

test('changes of many contenders are left out, divergences are not', () => {
  const lines = ['0/a/b', '1/a/b', '2/a/b'].map((key) => line(key))
  equal(marksOf(lines, hub(mark(0), mark(1, 'diverged')), 'step').map(({ kind }) => kind), ['diverged'])
  equal(marksOf(lines.slice(0, 2), hub(mark(0), mark(1)), 'step').length, 2)
})

test('a mark belongs to a line on show', () => {
  equal(marksOf([line('0/a/b', { hidden: true })], hub(mark(0)), 'step'), [])
  equal(marksOf([line('0/a/b')], hub(mark(7)), 'step'), [])
})

test('words of marks take rows of their own where they would overlap', () => {
  const marks = [mark(0, 'set', 10), mark(0, 'set', 11), mark(0, 'set', 80)].map((one) => ({ ...one, x: one.step, line: line('0/a/b') }))
  const { shapes, annotations } = drawMarks(marks, panel, { size: 12, theme, named: false })
  equal(shapes.map(({ x0 }) => x0), [10, 11, 80])
  const rows = annotations.map(({ yshift }) => yshift)
  equal([rows[0] > rows[1], rows[0] === rows[2]], [true, true])
})

test('a divergence says less where its words find no room', () => {
  const label = 'diverged at step 9: loss 127 → 1.52e+04'
  const words = [800, 300, 60].map((width) => drawMarks(
    [{ ...mark(0, 'diverged'), label, x: 0, line: line('explicit, η 50') }], { ...panel, width }, { size: 12, theme, named: true },
  ).annotations[0].text)
  equal(words, ['✕ explicit, η 50: diverged at step 9: loss 127 → 1.52·10⁴', '✕ explicit, η 50: diverged at step 9', '✕ diverged'])
})

test('a mark out of sight is not drawn', () => {
  equal(drawMarks([{ ...mark(0), x: 200, line: line('0/a/b') }], panel, { size: 12, theme }).shapes, [])
})

test('a diverged line ends in a cross below the ceiling', () => {
  const wild = line('0/a/b', { y: [1, 900] })
  const marks = marksOf([wild], hub(mark(0, 'diverged')), 'step')
  const [cross] = crosses([wild], marks, [panel], { thick: 1, theme, size: 12 })
  close([cross.x[0], cross.y[0]], [5, 86])
  const calm = line('0/a/b', { y: [1, 30, null] })
  close(crosses([calm], marksOf([calm], hub(mark(0, 'diverged')), 'step'), [panel], { thick: 1, theme, size: 12 })[0].y, [30])
})

test('a recorded line that diverged says so at its end', () => {
  const ended = { name: 'a', owner: 'a', on: 'y', x: [0, 7], y: [1, 20], trace: { line: { color: '#000000' }, meta: { ended: true } } }
  const [cross] = crosses([ended], [], [panel], { thick: 1, theme, size: 12 })
  equal([cross.x, cross.text], [[7], [' diverged']])
  close(cross.y, [20])
})

test('a ring stands where the target is reached', () => {
  const seeds = [{ x: [0, 2], y: [2, 0.5] }, { x: [0, 2], y: [2, 1.5] }]
  const [ring, ...others] = arrivals([line('a', { named: true, seeds }), line('b', { named: true, seeds: [] })], 1, true, { clock: 'seconds', thick: 1, theme })
  equal(others, [])
  close(ring.x, [1])
  equal(ring.text, ['a: 1 s (1 of 2 seeds)'])
})
