// The figure as Plotly wants it: a pure function of the page's figure, its lines, and what is chosen.

import { columnsOf, framesOf, logTicks, pairsOf, panelsOf, rangesOf } from './chart_frames.js'
import { arrivals, crosses, drawMarks, marksOf, targetLine } from './chart_marks.js'
import { namedOf } from './chart_names.js'
import { namesAlong } from './chart_words.js'
import { colorAt, faded, textWidth } from './dom.js'
import { number } from './format.js'
import { bandOf } from './seeds.js'

const GROWING = ['size', 'width', 'l', 't', 'b'] // what of a figure grows with the window
const CONTEXT = 2 // faint lines that still show their values; more would bury the others

/** The figure with type, lines and margins `fit` times as large. */
export function enlarged(value, fit, growing = false) {
  if (typeof value === 'number') return growing ? value * fit : value
  if (fit === 1 || typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map((item) => (typeof item === 'object' ? enlarged(item, fit) : item))
  const entries = Object.entries(value)
  return Object.fromEntries(entries.map(([name, item]) => [name, enlarged(item, fit, GROWING.includes(name))]))
}

/** What stands where nothing is drawn yet: how the runs are, or what to do where there is none. */
export function waiting(statuses, empty) {
  if (statuses.includes(null)) return 'Loading'
  const words = { queued: 'Queued', starting: 'Starting', running: 'The first points come at once' }
  const first = statuses.find((status) => words[status])
  return first && (first !== 'running' || empty.startsWith('Press Start')) ? `${words[first]} …` : empty
}

/** Whether names stand at the line ends rather than in a legend. */
export function namesAtEnds({ names, wide }, named, width) {
  return names === 'ends' && named.length > 0 && width >= wide
}

/**
 * Plotly's data and layout, with the panels and ranges they were made for.
 *
 * @param looked the page's data (`lookedAt`): figure, title, target, marks
 * @param about {lines, hub, choice, theme, width, height, before: the ranges shown last}
 */
export function figureOf(looked, { lines, hub, choice, theme, width, height, before }) {
  const given = looked.figure.layout
  const { meta: hints, font } = given
  const named = namedOf(lines)
  const longest = Math.max(0, ...named.map(({ name }) => textWidth(name, font.size, theme.font)))
  const room = namesAtEnds(hints, named, width) ? Math.min(longest + font.size * 1.9 + 18, width * 0.4) : 0
  const margin = { ...given.margin, r: Math.max(given.margin.r, room) }
  const ranges = rangesOf(given, lines, choice, before)
  const count = pairsOf(given).length
  const widths = framesOf(count, hints, margin, width, height).map((frame) => frame.width)
  const notes = broken(given, widths, theme)
  if (notes.some(({ text, y, yanchor }) => y === 1 && yanchor === 'bottom' && text.includes('<br>'))) {
    margin.t += font.size * 1.3 // a heading has two lines
  }
  const frames = framesOf(count, hints, margin, width, height)
  const panels = panelsOf(given, frames, ranges, choice)
  const look = { theme, size: font.size - 1.5, font: font.size, thick: hints.thick }
  const marks = looked.marks ? marksOf(lines, hub, choice.x) : []
  const drawn = drawMarks(marks, panels[0], { ...look, named: looked.quantities.length > 0, above: hints.above })
  const template = looked.templates[theme.dark ? 'dark' : 'light']
  const scale = { ...template?.layout?.coloraxis, ...given.coloraxis }
  const data = [
    ...linesIn(lines, panels, { named, theme, hub, scale }),
    ...lines.flatMap((line) => band(line, lines, panels, theme)),
    ...crosses(lines, marks, panels, look),
  ]
  const shapes = [...(given.shapes ?? []), ...drawn.shapes]
    .filter(({ name }) => !name || !choice.hidden.has(name))
    .map((item) => ({ ...item, line: { ...item.line, color: theme.shade(item.line.color) } }))
  if (looked.target) {
    shapes.push(targetLine(looked.target, theme))
    data.push(...arrivals(lines, looked.target, looked.quantity.below, { ...look, clock: choice.x }))
  }
  const some = lines.some(({ y }) => y.length)
  const layout = {
    ...given, ...axesOf(panels, given, choice, some, { width, height }),
    width, height, margin: { l: 0, r: 0, t: 0, b: 0 },
    template,
    paper_bgcolor: theme.background, plot_bgcolor: theme.background,
    font: { ...font, family: theme.font, color: theme.text },
    hoverlabel: { ...given.hoverlabel, bgcolor: theme.background },
    shapes: some ? shapes : panels.map((panel) => outline(panel, theme)), // no numbers that nobody measured
    annotations: [...notes, ...(hints.names === 'along' ? namesAlong(lines, panels, notes, look) : []), ...drawn.annotations],
  }
  return { data, layout, panels, ranges }
}

/**
 * The words of the figure, in two lines where the panel they stand in is too narrow for one. What
 * stands over lines has the page's own colour behind it.
 */
function broken({ annotations = [], font: { size: usual } }, widths, theme) {
  return annotations.map((given) => {
    const note = given.bgcolor ? { ...given, bgcolor: `${theme.background}d9` } : given
    if (!note.text.includes('<wbr>')) return note
    const panel = Number(note.xref.match(/\d+/)?.[0] ?? 1) - 1
    const wide = textWidth(note.text.replace(/<[^>]*>/g, ''), note.font?.size ?? usual, theme.font, 600)
    if (wide <= widths[panel]) return { ...note, text: note.text.replace('<wbr>', '') }
    return { ...note, text: note.text.replace(/<wbr> */, '<br>'), align: note.xanchor === 'left' ? 'left' : 'center' }
  })
}

function axesOf(panels, given, choice, some, whole) {
  const { title, ...clock } = given.meta.clocks?.[choice.x] ?? {}
  const stacked = columnsOf(given.meta, whole.width) < (given.meta.columns ?? 1)
  const labels = stacked ? { showticklabels: true } : {} // no panel at the left has them for the others
  const blank = some ? {} : { showticklabels: false, showgrid: false }
  const made = {}
  for (const { xaxis, yaxis, left, top, width, height, across, up, log } of panels) {
    const [x, y] = [given[xaxis], given[yaxis]]
    made[xaxis] = {
      ticklabelstandoff: 4, // the corner belongs to the other axis, too
      ...x, ...clock, ...fewer(x, width), title: { ...x.title, text: title ?? x.title.text }, autorange: false, range: across,
      ...((title ?? x.title.text) === 'step' && across[1] - across[0] < 6 ? { dtick: 1 } : {}),
      ...(x.type === 'log' ? {} : { minexponent: 6 }), // 20 000 rather than 2·10⁴
      domain: [left / whole.width, Math.min(1, (left + width) / whole.width)], ...blank,
    }
    made[yaxis] = {
      ...y, ...labels, autorange: false, range: up, type: log ? 'log' : 'linear',
      domain: [Math.max(0, 1 - (top + height) / whole.height), 1 - top / whole.height],
      ...(log && !y.dtick ? logTicks(up, height, y.tickfont) : {}), ...blank,
    }
  }
  return made
}

/** As many labels along an axis as stand side by side. */
function fewer({ nticks, tickfont: { size }, tickvals, dtick }, width) {
  return nticks && !tickvals && !dtick ? { nticks: Math.max(2, Math.min(nticks, Math.floor(width / (size * 3.4)))) } : {}
}

/** A line as a row of coloured cells, or as a bar of its last value, coloured by that of another series. */
function otherwise({ trace, x, y, run }, { theme, hub, scale }) {
  if (trace.type === 'heatmap') return { ...trace, x, z: [y.map(Math.log10)], text: [y.map((value) => number(value))] }
  const { marker, meta: { over } } = trace
  // A colour rather than its number on the axis: what hovers beside a bar takes it as it stands.
  const color = over ? colorAt(Math.log10(hub.latest(run, over)), scale) ?? theme.grid : theme.shade(marker.color)
  return { ...trace, x: y.slice(-1), marker: { ...marker, color } }
}

function linesIn(lines, panels, { named, theme, hub, scale }) {
  const shade = (color) => (color ? theme.shade(color) : color)
  const quiet = lines.filter(({ faint }) => faint).length > CONTEXT
  return lines.map((line) => {
    const { trace, name, x, y, hidden, faint } = line
    if (trace.type !== 'scatter' && trace.meta?.series) return otherwise(line, { theme, hub, scale })
    const lone = y.filter((value) => value !== null).length === 1
    return {
      ...trace, name, x,
      // A line of one point would not be seen, nor all of the point at the panel's edge.
      mode: trace.mode === 'lines' && lone ? 'markers' : trace.mode,
      ...(lone ? { cliponaxis: false } : {}),
      y: trace.meta?.shares ? y.map(panels.find((panel) => panel.y === line.on).at) : y,
      visible: hidden ? 'legendonly' : true,
      legendgroup: undefined, // it would stand in a column of its own
      showlegend: named.includes(line) && !hidden,
      line: { ...trace.line, color: shade(trace.line?.color) },
      marker: { ...trace.marker, color: shade(trace.marker?.color ?? trace.line?.color) },
      textfont: { ...trace.textfont, color: shade(trace.textfont?.color) },
      ...(faint && quiet ? { hoverinfo: 'skip', hovertemplate: undefined } : {}),
    }
  })
}

/** The spread over seeds behind a mean; on a log axis not below the lowest seed. */
function band(line, lines, panels, theme) {
  if (line.hidden || !line.std) return []
  const seeds = lines.filter(({ faint, owner, on }) => faint && owner === line.owner && on === line.on)
  const lowest = Math.min(...seeds.flatMap(({ y }) => y.filter((value) => value > 0)))
  const around = bandOf(line, panels.find(({ y }) => y === line.on).log ? lowest : null)
  const { xaxis, yaxis, line: { color } } = line.trace
  return around ? [{
    type: 'scatter', mode: 'lines', ...around, xaxis, yaxis, line: { width: 0 }, hoverinfo: 'skip', showlegend: false,
    fill: 'toself', fillcolor: faded(theme.shade(color), 0.18), name: `${line.name} ± std`,
  }] : []
}

function outline({ x, y }, theme) {
  return {
    type: 'rect', xref: `${x} domain`, yref: `${y} domain`, x0: 0, x1: 1, y0: 0, y1: 1, layer: 'below',
    line: { color: theme.grid, width: 1 },
  }
}

/** The figure with its title and a legend below: it stands alone. */
export function pictureOf(looked, about) {
  const { layout: { meta, ...given }, ...figure } = looked.figure
  const plain = { ...meta, names: meta.names === 'ends' ? 'legend' : meta.names }
  const { data, layout } = figureOf({ ...looked, figure: { ...figure, layout: { ...given, meta: plain } } }, about)
  return {
    data,
    layout: {
      ...layout, height: layout.height + 90, margin: { l: 0, r: 0, t: 50, b: 40 }, showlegend: true,
      title: { text: looked.title, x: 0.02, xanchor: 'left', y: 0.97, yanchor: 'top', font: { size: 20 } },
      legend: { orientation: 'h', x: 0.02, xanchor: 'left', y: 0, yref: 'container', yanchor: 'bottom' },
    },
  }
}
