import { columnsOf, framesOf, leaderOf, logTicks, pairsOf, panelsOf, rangesOf } from '/web/chart_frames.js'
import { close, equal, test } from './harness.js'

const margin = { l: 50, r: 10, t: 20, b: 30 }
const axis = (more = {}) => ({ type: 'linear', ...more })
const layout = {
  meta: { logs: ['yaxis'] },
  xaxis: axis(), yaxis: axis(), xaxis2: axis({ matches: 'x' }), yaxis2: axis({ range: [0, 1] }),
}
const line = (x, y, more = {}) => ({ x, y, trace: { meta: {}, ...more } })
const choice = { log: false, ranges: {} }

test('one panel fills what the margins leave', () => {
  equal(framesOf(1, {}, margin, 500, 300), [{ left: 50, top: 20, width: 440, height: 250 }])
})

test('panels share the width, and stand one above the other where it is narrow', () => {
  const hints = { columns: 2, gap: [40, 60], stack: 720 }
  equal(framesOf(2, hints, margin, 900, 300).map(({ left, width }) => [left, width]), [[50, 400], [490, 400]])
  equal(columnsOf(hints, 700), 1)
  equal(framesOf(2, hints, margin, 700, 610).map(({ top, height }) => [top, height]), [[20, 250], [330, 250]])
})

test('panels have the shares of the width that a figure gives', () => {
  const frames = framesOf(4, { columns: 2, gap: [40, 0], shares: [0.75, 0.25] }, margin, 900, 300)
  equal(frames.map(({ left, width }) => [left, width]), [[50, 600], [690, 200], [50, 600], [690, 200]])
})

test('axes are found in order, with the axis whose range they share', () => {
  equal(pairsOf({ yaxis10: {}, yaxis2: {}, yaxis: {}, xaxis: {} }).map(({ y }) => y), ['y', 'y2', 'y10'])
  equal([leaderOf(layout, 'xaxis2'), leaderOf(layout, 'yaxis2')], ['xaxis', 'yaxis2'])
})

test('a range is what was chosen, else what is given, else what fits', () => {
  const lines = [line([0, 10], [1, 2]), line([0, 20], [0.2, 0.4], { xaxis: 'x2', yaxis: 'y2' })]
  const found = rangesOf(layout, lines, choice, null)
  close(found.xaxis, [0, 20.1])
  equal([found.xaxis2, found.yaxis2], [found.xaxis, [0, 1]])
  close(found.yaxis, [0.95, 2.06])
  equal(rangesOf(layout, lines, { ...choice, ranges: { xaxis: [5, 6] } }, null).xaxis2, [5, 6])
})

test('hidden lines and signs do not widen a range; headroom does', () => {
  const lines = [line([0, 1], [1, 2]), { ...line([0, 9], [1, 50]), hidden: true }, line([0, 5], [0.9, 9], { meta: { shares: true } })]
  close(rangesOf(layout, lines, choice, null).yaxis, [0.95, 2.06])
  const roomy = { ...layout, meta: { headroom: { yaxis: 0.5 } } }
  const first = rangesOf(roomy, lines, choice, null)
  close(first.yaxis, [0.95, 2.06 + 0.5 * 1.11])
  close(rangesOf(roomy, lines, choice, first).yaxis, first.yaxis)
})

test('values and pixels', () => {
  const frames = [{ left: 50, top: 20, width: 100, height: 200 }, { left: 0, top: 0, width: 1, height: 1 }]
  const ranges = { xaxis: [0, 10], yaxis: [-1, 1], xaxis2: [0, 1], yaxis2: [0, 1] }
  const [panel] = panelsOf(layout, frames, ranges, { ...choice, log: true })
  close([panel.toX(5), panel.toY(1), panel.toY(10), panel.at(0.5), panel.at(1)], [100, 120, 20, 1, 10])
})

test('ticks of a logarithmic axis', () => {
  const font = { size: 10 }
  equal(logTicks([-4, 2], 240, font), { dtick: 1, tickfont: { size: 8 } })
  equal(logTicks([-12, 6], 240, font).dtick, 3)
  equal(logTicks([0, 1], 240, font).tickvals, [1, 2, 5, 10, 20, 50])
  equal(logTicks([0, 2], 80, font).dtick, 1)
  equal(logTicks([0.36, 0.37], 240, font), {})
})
