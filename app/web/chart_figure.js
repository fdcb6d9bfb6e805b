// The figure as Plotly wants it: a pure function of options, data, view and theme.

import { crosses, drawMarks, marksOf, textWidth } from './chart_marks.js'
import { horizontalRange, verticalRange } from './chart_range.js'
import { bandOf } from './chart_seeds.js'
import { arrival } from './crossing.js'

const X_TITLES = { step: 'step', epoch: 'epoch', seconds: 'training time [s]' }
const X_HOVER = { step: ',d', epoch: '.3~f', seconds: '.3~s' }
export const DIRECT_LABELS = 4

/** Type sizes and line width; lecture mode is for the last row. */
export function measures(lecture) {
  return lecture
    ? { font: 18, tick: 18, mark: 17, line: 1.7, swatch: 34 }
    : { font: 13.5, tick: 12.5, mark: 12, line: 1, swatch: 26 }
}

/** The lines that have a label: one each, context has none. */
export function named(lines) {
  const seen = new Set()
  return lines.filter(({ trace }) => {
    if (trace.faint || !trace.label || seen.has(trace.label)) return false
    seen.add(trace.label)
    return true
  })
}

/** Whether labels stand at the line ends rather than in a legend. */
export function labelsAtEnds(lines, width) {
  const count = named(lines).length
  return count > 0 && count <= DIRECT_LABELS && width >= 480 && !lines.some((l) => l.trace.yaxis === 'y2')
}

/** Ranges shown: what a person chose, else what fits. */
export function rangesOf(lines, view, before) {
  const shown = lines.filter((line) => !line.hidden && line.y.length)
  const live = shown.some((line) => line.live)
  const ends = shown.map((line) => (line.progress ? line.x[line.x.length - 1] / line.progress : null))
  const end = ends.length && ends.every((value) => value !== null) ? Math.max(...ends) : null
  const on = (axis) => shown.filter((line) => line.trace.yaxis === axis)
  return {
    x: view.xRange ?? horizontalRange(shown, live, end),
    y: view.yRange ?? verticalRange(on('y'), view.log, before?.log === view.log ? before.y : null),
    y2: verticalRange(on('y2'), false, before?.y2),
    log: view.log,
  }
}

/** Plotly's data and layout. `ranges` come from `rangesOf`. */
export function figure({ options, lines, ranges, view, theme, width, height, hub }) {
  const size = measures(options.lecture)
  // A few context lines tell their values too; many would bury the others.
  const quiet = lines.filter((line) => line.trace.faint).length > 2
  const data = lines.map((line) => scatter(line, options, size, quiet && line.trace.faint))
  const margin = margins(lines, options, size, theme, width)
  const plotWidth = width - margin.l - margin.r
  const place = (x) => ((x - ranges.x[0]) / (ranges.x[1] - ranges.x[0])) * plotWidth
  const visible = lines.filter((line) => !line.hidden).map((line) => line.trace)
  const marks = options.showMarks ? marksOf(visible, hub, view.x) : []
  const names = options.quantities?.length ? (mark) => `${mark.trace.label}: ` : () => ''
  const drawn = drawMarks(marks, { place, width: plotWidth, size: size.mark, theme, names })
  const cross = crosses(marks, ranges.y, view.log, lines)
  data.push(...lines.flatMap((line) => band(line, lines, view.log)))
  if (cross) data.push(cross)
  if (options.target) {
    drawn.shapes.push(targetLine(options.target, theme))
    data.push(...arrivals(lines, options, view, size))
  }
  const layout = {
    width, height, margin, autosize: false, showlegend: false, uirevision: 'kept', dragmode: 'zoom',
    paper_bgcolor: theme.background, plot_bgcolor: theme.background,
    font: { family: theme.font, size: size.font, color: theme.text },
    hovermode: 'x unified', hoverdistance: 40, separators: '.\u2009',
    hoverlabel: {
      bgcolor: theme.background, bordercolor: theme.grid,
      font: { family: theme.font, size: size.font, color: theme.text },
    },
    xaxis: {
      ...axis(theme, size), range: ranges.x, title: title(X_TITLES[view.x], size, theme),
      hoverformat: X_HOVER[view.x], showspikes: true, spikemode: 'across', spikethickness: 1,
      spikedash: 'solid', spikecolor: theme.line, spikesnap: 'data',
      unifiedhovertitle: { text: `${view.x} %{x}` },
    },
    yaxis: {
      ...axis(theme, size), range: ranges.y, title: title(options.yTitle, size, theme),
      ...(options.yFormat.endsWith('%') ? { tickformat: ',.0%' } : {}),
      type: view.log ? 'log' : 'linear', ...(view.log ? logTicks(ranges.y, theme, size) : {}),
    },
    ...drawn,
  }
  if (!lines.some((line) => line.y.length)) {
    // No numbers that nobody measured.
    for (const one of [layout.xaxis, layout.yaxis]) Object.assign(one, { showticklabels: false, showgrid: false })
    layout.shapes = [frame(theme)]
  }
  if (lines.some((line) => line.trace.yaxis === 'y2')) {
    layout.yaxis2 = {
      ...axis(theme, size), range: ranges.y2, title: title(options.y2Title, size, theme),
      overlaying: 'y', side: 'right', showgrid: false,
    }
  }
  return { data, layout }
}

function scatter(line, options, size, quiet) {
  const { trace, color, hidden } = line
  return {
    type: 'scatter', name: trace.label, x: line.x, y: line.y, yaxis: trace.yaxis,
    mode: trace.markers ? 'lines+markers' : 'lines', connectgaps: false,
    visible: hidden ? 'legendonly' : true,
    opacity: trace.faint ? 0.45 : 1,
    line: {
      color, dash: trace.faint ? 'solid' : trace.dash,
      width: (trace.faint ? Math.min(trace.width, 1.2) : trace.width) * size.line,
    },
    marker: { size: 5 * size.line, color },
    hoverinfo: quiet ? 'skip' : undefined,
    hovertemplate: quiet ? undefined : `%{y:${options.yFormat}}`,
  }
}

/** The spread over seeds behind a mean. */
function band(line, lines, log) {
  if (line.hidden || !line.std) return []
  const members = lines.filter(({ trace }) => trace.faint && trace.label === line.trace.label)
  const lowest = Math.min(...members.flatMap(({ y }) => y.filter((value) => value > 0)))
  const outline = bandOf(line, log ? lowest : null)
  if (!outline) return []
  return [{
    type: 'scatter', mode: 'lines', ...outline, fill: 'toself', fillcolor: faded(line.color, 0.18),
    line: { width: 0 }, hoverinfo: 'skip', showlegend: false, name: `${line.trace.label} ± std`,
  }]
}

function faded(color, opacity) {
  const part = (at) => parseInt(color.slice(at, at + 2), 16)
  return `rgba(${part(1)},${part(3)},${part(5)},${opacity})`
}

function targetLine({ value }, theme) {
  return {
    type: 'line', name: 'target', xref: 'paper', yref: 'y', x0: 0, x1: 1, y0: value, y1: value,
    layer: 'below', line: { color: theme.muted, width: 1.2, dash: 'dash' },
  }
}

/** When each line gets to the target: a ring on the target's line. */
function arrivals(lines, { target }, view, size) {
  const found = lines
    .filter(({ trace, hidden }) => !hidden && !trace.faint && trace.label)
    .map((line) => ({ line, ...arrival(line.seeds, target.value, target.below) }))
    .filter(({ n }) => n)
  if (!found.length) return []
  const words = { step: 'step', epoch: 'epoch', seconds: 's' }[view.x]
  const few = ({ line, n }) => (n < line.seeds.length ? ` (${n} of ${line.seeds.length} seeds)` : '')
  return [{
    type: 'scatter', mode: 'markers', showlegend: false, name: 'target reached', cliponaxis: false,
    x: found.map(({ x }) => x), y: found.map(() => target.value),
    text: found.map((one) => `${one.line.trace.label}: ${Number(one.x.toPrecision(3))} ${words}${few(one)}`),
    hoverinfo: 'skip',
    marker: {
      symbol: 'circle-open', size: 11 * size.line,
      color: found.map(({ line }) => line.color), line: { width: 2.5 },
    },
  }]
}

function axis(theme, size) {
  return {
    gridcolor: theme.grid, zeroline: false, showline: false, ticks: '', autorange: false,
    tickfont: { size: size.tick, color: theme.muted }, exponentformat: 'power', separatethousands: true,
    nticks: 7, automargin: false, fixedrange: false,
  }
}

function frame(theme) {
  return {
    type: 'rect', xref: 'paper', yref: 'paper', x0: 0, x1: 1, y0: 0, y1: 1, layer: 'below',
    line: { color: theme.grid, width: 1 },
  }
}

function title(text, size, theme) {
  return { text: text ?? '', font: { size: size.font, color: theme.text }, standoff: 8 }
}

/** Label decades; within less than one and a half of them, also 2 and 5; closer, as Plotly likes. */
function logTicks([low, high], theme, size) {
  const span = high - low
  if (span < 0.5) return {}
  if (span <= 1.5) {
    const tickvals = []
    for (let decade = Math.floor(low); decade <= high; decade += 1) {
      tickvals.push(...[1, 2, 5].map((factor) => factor * 10 ** decade))
    }
    const tickfont = { size: size.tick, color: theme.muted }
    return { tickvals, ticktext: tickvals.map((value) => String(Number(value.toPrecision(2)))), tickfont }
  }
  // Plotly writes powers a quarter larger than other numbers.
  const tickfont = { size: size.tick / 1.25, color: theme.muted }
  return { dtick: Math.max(1, Math.round(span / 6)), tickfont }
}

function margins(lines, options, size, theme, width) {
  const right = labelsAtEnds(lines, width)
    ? Math.max(...named(lines).map((l) => textWidth(l.trace.label, size.font, theme.font))) + size.swatch + 18
    : options.traces.some((trace) => trace.yaxis === 'y2')
      ? size.font * 5
      : 12
  return {
    l: size.font * 4.9, r: Math.min(right, width * 0.4), t: 8, b: size.font * 3.4,
  }
}
