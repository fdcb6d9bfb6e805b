// The figure as Plotly wants it: a pure function of the page's figure, its lines, and what is chosen.

import { faded, textWidth } from './dom.js'
import { framesOf, isLog, logTicks, pairsOf, panelsOf, rangesOf } from './chart_frames.js'
import { arrivals, crosses, drawMarks, marksOf } from './chart_marks.js'
import { namedOf } from './chart_names.js'
import { clearest, namesAlong } from './chart_words.js'
import { bandOf } from './seeds.js'

/** The figure with type, lines and margins `fit` times as large. */
export function enlarged(value, fit, growing = false) {
  if (typeof value === 'number') return growing ? value * fit : value
  if (fit === 1 || typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map((item) => (typeof item === 'object' ? enlarged(item, fit) : item))
  const names = Object.entries(value)
  return Object.fromEntries(names.map(([name, item]) => [name, enlarged(item, fit, ['size', 'width', 'l', 't', 'b'].includes(name))]))
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
  const { layout: given } = looked.figure
  const { meta: hints, font, margin: least } = given
  const named = namedOf(lines)
  const longest = Math.max(0, ...named.map(({ name }) => textWidth(name, font.size, theme.font)))
  const room = namesAtEnds(hints, named, width) ? Math.min(longest + font.size * 1.9 + 18, width * 0.4) : 0
  const margin = { ...least, r: Math.max(least.r, room) }
  const ranges = rangesOf(given, lines, choice, before)
  const pairs = pairsOf(given)
  const frames = framesOf(pairs.length, hints, margin, width, height)
  const panels = panelsOf(given, frames, ranges, choice)
  const some = lines.some(({ y }) => y.length)
  const layout = { ...given, template: looked.templates[theme.dark ? 'dark' : 'light'], width, height, margin }
  Object.assign(layout, { paper_bgcolor: theme.background, plot_bgcolor: theme.background })
  layout.font = { ...font, family: theme.font, color: theme.text }
  layout.hoverlabel = { ...given.hoverlabel, bgcolor: theme.background }
  panels.forEach((panel, i) => Object.assign(layout, axesOf(panel, given, { hints, choice, ranges, some, margin, width, height, frame: frames[i] })))
  const [size, thick] = [font.size - 1.5, hints.thick]
  const marks = looked.marks ? marksOf(lines, hub, choice.x) : []
  const drawn = drawMarks(marks, panels[0], { size, theme, tellWhose: looked.quantities.length > 0 })
  layout.shapes = [...(given.shapes ?? []), ...drawn.shapes]
    .filter(({ name }) => !name || !choice.hidden.has(name))
    .map((item) => ({ ...item, line: { ...item.line, color: theme.shade(item.line.color) } }))
  const notes = given.annotations ?? []
  const moved = notes.map((item) => (item.name === 'level' ? clearest(item, lines, panels.find(({ y }) => y === item.yref), { size, theme }) : item))
  const along = hints.names === 'along' ? namesAlong(lines, panels, notes, { font: font.size, theme }) : []
  layout.annotations = [...moved, ...drawn.annotations, ...along]
  const quiet = lines.filter(({ faint }) => faint).length > 2
  const data = [
    ...lines.map((line) => ({ ...scatter(line, panels, theme, quiet), showlegend: named.includes(line) && !line.hidden })),
    ...lines.flatMap((line) => band(line, lines, panels, theme)),
    ...crosses(lines, marks, panels, { thick, theme, size }),
  ]
  if (looked.target) {
    layout.shapes.push(targetLine(looked.target, theme))
    data.push(...arrivals(lines, looked.target, looked.quantity.below, { clock: choice.x, thick, theme }))
  }
  if (!some) layout.shapes = panels.map((panel) => outline(panel, theme)) // no numbers that nobody measured
  return { data, layout, panels, ranges, named }
}

function axesOf(panel, given, { hints, choice, ranges, some, margin, width, height, frame }) {
  const [across, up] = [width - margin.l - margin.r, height - margin.t - margin.b]
  const place = (start, length, whole) => [Math.max(0, start / whole), Math.min(1, (start + length) / whole)]
  const common = { autorange: false, ...(some ? {} : { showticklabels: false, showgrid: false }) }
  const [x, y] = [given[panel.xaxis], given[panel.yaxis]]
  const { title, ...clock } = hints.clocks?.[choice.x] ?? {}
  const log = isLog(given, panel.yaxis, choice)
  return {
    [panel.xaxis]: {
      ...x, ...clock, ...common, title: { ...x.title, text: title ?? x.title.text }, range: ranges[panel.xaxis],
      domain: place(frame.left - margin.l, frame.width, across),
    },
    [panel.yaxis]: {
      ...y, ...common, type: log ? 'log' : 'linear', range: ranges[panel.yaxis],
      domain: place(up - (frame.top - margin.t) - frame.height, frame.height, up),
      ...(log && !y.dtick ? logTicks(ranges[panel.yaxis], frame.height, y.tickfont) : {}),
    },
  }
}

function scatter({ trace, name, x, y, hidden, faint }, panels, theme, quiet) {
  const shade = (color) => (color ? theme.shade(color) : color)
  return {
    ...trace, name, x,
    y: trace.meta?.shares ? y.map(panels.find((panel) => panel.y === (trace.yaxis ?? 'y')).at) : y,
    visible: hidden ? 'legendonly' : true,
    line: { ...trace.line, color: shade(trace.line?.color) },
    marker: { ...trace.marker, color: shade(trace.marker?.color ?? trace.line?.color) },
    textfont: { ...trace.textfont, color: shade(trace.textfont?.color) },
    // A few context lines tell their values too; many would bury the others.
    ...(faint && quiet ? { hoverinfo: 'skip', hovertemplate: undefined } : {}),
  }
}

/** The spread over seeds behind a mean; on a log axis not below the lowest seed. */
function band(line, lines, panels, theme) {
  if (line.hidden || !line.std) return []
  const { xaxis, yaxis = 'y', line: { color } } = line.trace
  const seeds = lines.filter(({ faint, owner, trace }) => faint && owner === line.owner && (trace.yaxis ?? 'y') === yaxis)
  const lowest = Math.min(...seeds.flatMap(({ y }) => y.filter((value) => value > 0)))
  const around = bandOf(line, panels.find(({ y }) => y === yaxis).log ? lowest : null)
  return around ? [{
    type: 'scatter', mode: 'lines', ...around, xaxis, yaxis, fill: 'toself', fillcolor: faded(theme.shade(color), 0.18),
    line: { width: 0 }, hoverinfo: 'skip', showlegend: false, name: `${line.name} ± std`,
  }] : []
}

function targetLine(value, theme) {
  return {
    type: 'line', name: 'target', xref: 'paper', yref: 'y', x0: 0, x1: 1, y0: value, y1: value,
    layer: 'below', line: { color: theme.muted, width: 1.2, dash: 'dash' },
  }
}

function outline({ x, y }, theme) {
  return {
    type: 'rect', xref: `${x} domain`, yref: `${y} domain`, x0: 0, x1: 1, y0: 0, y1: 1, layer: 'below',
    line: { color: theme.grid, width: 1 },
  }
}
