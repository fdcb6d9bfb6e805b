import { faded, rgb, shape } from '/web/dom.js'
import { color, edges, mapRows, share, ticks } from '/web/map_scale.js'
import { table } from '/web/save.js'
import { Spots } from '/web/spots.js'
import { stroke, through } from '/web/svg.js'
import { close, equal, test } from './harness.js'

test('a label takes the first free place, else the least covered', () => {
  const spots = new Spots(100, 100)
  spots.keep(0, 0, 50, 50)
  equal(spots.place([[10, 10], [60, 60]], 20, 10), [60, 60])
  equal(spots.place([[60, 60], [45, 45]], 10, 10), [45, 45])
  equal([spots.free(10, 80, 20, 90), spots.free(10, 80, 20, 90), spots.free(95, 80, 120, 90)], [true, false, false])
})

test('a label may cover what is its own', () => {
  const spots = new Spots(100, 100)
  spots.keepWay([[10, 50], [90, 50]], 10, 3, 'own')
  equal([spots.place([[30, 45], [30, 80]], 20, 10, 'own'), spots.place([[60, 45], [60, 80]], 20, 10, 'other')], [[30, 45], [60, 80]])
})

test('a path leaves out what is not finite', () => {
  equal(through([[0, 1], [NaN, 2], [3, Infinity], [4, 5]]), 'M0.00 1.00L4.00 5.00')
})

test('a dash grows with the root of the line', () => {
  equal(stroke({ color: '#000000', dash: 'dash' }, { line: 10 })['stroke-dasharray'], '18 12')
  equal(stroke({ color: '#000000', dash: 'solid' }, { line: 3 })['stroke-dasharray'], undefined)
})

test('colours of any spelling', () => {
  equal([rgb('#0072B2'), rgb('rgb(1, 2, 3)'), rgb('white')], [[0, 114, 178], [1, 2, 3], [255, 255, 255]])
  equal(faded('#000000', 0.5), 'rgba(0,0,0,0.5)')
  equal(shape('rect', { x: 1, hidden: false, width: null }).outerHTML, '<rect x="1"></rect>')
})

test('a table quotes what has commas or quotes', async () => {
  equal(await table([['a', 'b, c'], ['say "x"', 1.5]]).text(), 'a,"b, c"\n"say ""x""",1.5\n')
})

test('losses on the scale of the map', () => {
  close([share(1, 1), share(0.1, 1), share(0.001, 1), share(5, 1)], [1, 0.5, 0, 1])
  equal([color(0), color(1)], ['rgb(0 34 78)', 'rgb(254 232 56)'])
  close(ticks(2.3), [0.03, 0.1, 0.3, 1])
})

test('edges of cells around logarithmic centres', () => {
  close(edges([1, 10, 100]), [-0.5, 0.5, 1.5, 2.5])
  close(edges([10]), [0.9, 1.1])
})

test('the map as a table: one line a run', () => {
  const method = {
    label: 'explicit', solver: 'explicit', lr: [0.1], tau: [null], s: [0.1], outcomes: [['finished', null]],
    losses: [[0.5, null]], accuracies: [[0.9, null]], steps: [[12, null]],
  }
  const [head, ...rows] = mapRows({ methods: [method], seeds: [0, 1] })
  equal(head.length, rows[0].length)
  equal(rows, [['explicit', 0.1, '', 0.1, 0, 'finished', 0.5, 0.9, 12], ['explicit', 0.1, '', 0.1, 1, '', '', '', '']])
})
