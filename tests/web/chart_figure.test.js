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

test('steps are written out, and as many as stand side by side', () => {
  const crowded = { ...layout, xaxis: { ...axis('step'), nticks: 6 } }
  const [narrow, wide] = [130, 600].map((width) => figureOf(
    { figure: { data: [], layout: crowded }, templates: {}, quantities: [] },
    { lines: [line([0, 20000], [3, 2])], hub: null, choice, theme, width, height: 300, before: null },
  ).layout.xaxis)
  equal([narrow.nticks, wide.nticks, wide.minexponent], [2, 6, 6])
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

test('cells take the decades of their ratios, a bar its last value and the colour of its ratio', () => {
  const bound = (type, more = {}) => ({ type, name: 'linear1', meta: { series: '0/layers/reach_all/linear1', label: '', ...more } })
  const hub = { latest: () => 100 }
  const templates = { dark: { layout: { coloraxis: { colorscale: [[0, '#000000'], [0.5, '#646464'], [1, '#ff6464']] } } } }
  const scale = { coloraxis: { cmin: -4, cmax: 4 } }
  const row = line([1, 2, 3], [0.1, null, 10], { trace: { ...bound('heatmap'), y: [0] } })
  const bar = line([1, 2], [0.3, 0.2], { trace: { ...bound('bar', { over: 'x' }), y: [0], marker: {} } })
  const plain = line([1, 2], [0.3, 0.2], { trace: { ...bound('bar'), y: [0], marker: { color: '#0072B2' } } })
  const { data: [cells, made, asked] } = figureOf(
    { figure: { data: [], layout: { ...layout, ...scale, yaxis: { ...layout.yaxis, range: [0.5, -0.5] } } }, templates, quantities: [] },
    { lines: [row, bar, plain], hub, choice, theme, width: 600, height: 300, before: null },
  )
  equal([cells.x, cells.y, cells.z, cells.text], [[1, 2, 3], [0], [[-1, -Infinity, 1]], [['0.100', 'not finite', '10.0']]])
  equal([made.x, made.y, made.marker], [[0.2], [0], { color: 'rgb(178,100,100)' }])
  equal([asked.x, asked.marker.color], [[0.2], '#3D9BDC'])
})

test('a bar without a ratio yet is grey: its colour is one that a hovering word can take', () => {
  const made = { type: 'bar', name: 'a', meta: { series: 's', label: '', over: 'x' }, y: [0], marker: {} }
  const { data: [bar] } = figureOf(
    { figure: { data: [], layout }, templates: {}, quantities: [] },
    { lines: [line([1], [0.3], { trace: made })], hub: { latest: () => undefined }, choice, theme, width: 600, height: 300, before: null },
  )
  equal(bar.marker, { color: '#333333' })
})

test('panels that stand one above the other have tick labels of their own', () => {
  const beside = { ...layout, xaxis2: axis('step'), yaxis2: { ...axis(), matches: 'y', showticklabels: false } }
  const figure = { data: [], layout: { ...beside, meta: { ...layout.meta, columns: 2, stack: 700, gap: [20, 90] } } }
  const [narrow, wide] = [600, 900].map((width) => figureOf(
    { figure, templates: {}, quantities: [] },
    { lines: [line([0, 1], [3, 2])], hub: null, choice, theme, width, height: 600, before: null },
  ))
  equal([narrow, wide].map(({ layout: { yaxis2 } }) => yaxis2.showticklabels), [true, false])
  equal(narrow.panels.map(({ left }) => left), [60, 60])
  equal(narrow.panels[1].top - narrow.panels[0].top - narrow.panels[0].height, 90)
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

test('an aside that finds no room beside its heading takes a line of its own above the panels', () => {
  const heading = {
    x: 0, y: 1, xref: 'x domain', xanchor: 'left', yanchor: 'bottom', font: { size: 14 },
    text: '<b>Loss by epoch</b><wbr>  <span>┈ Adam, explicit ends at 1.95</span>',
  }
  const wordy = { ...layout, annotations: [heading] }
  const [narrow, wide] = [300, 900].map((width) => figureOf(
    { figure: { data: [], layout: wordy }, templates: {}, quantities: [] },
    { lines: [line([0, 1], [3, 2])], hub: null, choice, theme, width, height: 300, before: null },
  ))
  equal(wide.layout.annotations[0].text, '<b>Loss by epoch</b>  <span>┈ Adam, explicit ends at 1.95</span>')
  equal(narrow.layout.annotations[0].text, '<b>Loss by epoch</b><br><span>┈ Adam, explicit ends at 1.95</span>')
  equal([narrow, wide].map(({ panels }) => Math.round(panels[0].top)), [25, 8])
})
