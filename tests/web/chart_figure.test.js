import { enlarged, figureOf, namesAtEnds, pictureOf } from '/web/chart_figure.js'
import { equal, test } from './harness.js'

const theme = {
  dark: true, font: 'sans-serif', background: '#14171C', text: '#ffffff', muted: '#999999', grid: '#333333', line: '#666666',
  shade: (color) => ({ '#0072B2': '#3D9BDC' })[color] ?? color,
}
const axis = (title) => ({ title: { text: title }, tickfont: { size: 12 } })
const layout = {
  font: { size: 13 }, margin: { l: 60, r: 12, t: 8, b: 40 }, xaxis: axis('step'), yaxis: axis('loss J'),
  meta: { thick: 1, logs: ['yaxis'], names: 'legend', clocks: { epoch: { title: 'epoch', hoverformat: '.3~f' } } },
}
const trace = { type: 'scatter', name: 'exact', line: { color: '#0072B2', width: 2 }, marker: { size: 5 }, meta: { label: 'exact' } }
const line = (x, y, more = {}) => ({ trace, name: 'exact', owner: 'exact', named: true, on: 'y', x, y, std: null, ...more })
const choice = { x: 'epoch', log: false, hidden: new Set(), ranges: {} }
const draw = (lines, more = {}) => figureOf(
  { figure: { data: [], layout }, templates: { dark: { name: 'dark' } }, quantities: [], ...more },
  { lines, hub: null, choice, theme, width: 600, height: 300, before: null },
)

test('a line takes its numbers and the colour of the theme', () => {
  const { data } = draw([line([0, 1], [3, 2])])
  equal([data[0].x, data[0].y, data[0].line.color, data[0].showlegend], [[0, 1], [3, 2], '#3D9BDC', true])
})

test('the layout takes the clock, the ranges and the template of the theme', () => {
  const { layout: made } = draw([line([0, 1], [3, 2])])
  equal([made.xaxis.title.text, made.xaxis.hoverformat, made.template.name], ['epoch', '.3~f', 'dark'])
  equal([made.xaxis.autorange, made.yaxis.type, made.paper_bgcolor], [false, 'linear', '#14171C'])
})

test('a hidden line stays, unseen', () => {
  equal(draw([line([0], [1], { hidden: true })]).data[0].visible, 'legendonly')
})

test('without numbers there are no numbers on the axes', () => {
  const { layout: made } = draw([line([], [])])
  equal([made.xaxis.showticklabels, made.shapes.map(({ type }) => type)], [false, ['rect']])
})

test('a spread is drawn around a mean', () => {
  const band = draw([line([0, 1], [3, 2], { std: [0.5, 0.5] })]).data[1]
  equal([band.fill, band.fillcolor], ['toself', 'rgba(61,155,220,0.18)'])
})

test('a sign at shares of the height stands there whatever the range', () => {
  const sign = { trace: { ...trace, meta: { shares: true } }, name: 'diverged', owner: 'exact', on: 'y', x: [0], y: [0.5], std: null }
  const { data, ranges } = draw([line([0, 1], [3, 2]), sign])
  equal(data[1].y, [(ranges.yaxis[0] + ranges.yaxis[1]) / 2])
})

test('names stand at the ends where there is room', () => {
  const hints = { names: 'ends', wide: 480 }
  equal([namesAtEnds(hints, [1], 600), namesAtEnds(hints, [1], 300), namesAtEnds(hints, [], 600)], [true, false, false])
})

test('type and lines grow, numbers do not', () => {
  const figure = { data: [{ x: [1, 2], line: { width: 2 } }], layout: { font: { size: 10 }, margin: { l: 5 }, xaxis: { range: [0, 1] } } }
  const grown = { data: [{ x: [1, 2], line: { width: 4 } }], layout: { font: { size: 20 }, margin: { l: 10 }, xaxis: { range: [0, 1] } } }
  equal(enlarged(figure, 2), grown)
})

test('a picture that is saved has its title and names all lines in a legend', () => {
  const ends = { ...layout, meta: { ...layout.meta, names: 'ends', wide: 100 } }
  const looked = { figure: { data: [], layout: ends }, templates: {}, quantities: [], title: 'Loss' }
  const about = { lines: [line([0, 1], [3, 2])], hub: null, choice, theme, width: 600, height: 300, before: null }
  const right = (made) => made.layout.xaxis.domain[1]
  const { data, layout: made } = pictureOf(looked, about)
  equal([made.title.text, made.showlegend, made.height, data[0].showlegend], ['Loss', true, 390, true])
  equal(right({ layout: made }) > right(figureOf(looked, about)), true)
})
