// Several recorded measures of the same contenders side by side: a pure function, data in, figure out.

import { bandOf } from './chart_seeds.js'
import { measures } from './chart_figure.js'
import { horizontalRange, verticalRange } from './chart_range.js'
import { textWidth } from './chart_marks.js'
import { drawTarget } from './panels_target.js'

const DIRECT = 4
const STACKED = 720 // pixels below which panels stand one above the other
const LONGEST = 24 // letters of a name that is not in the way of the picture
const ROW = 0.075 // of the height: room for the crosses of one line's lost runs
const ROOMY = 900 // pixels the picture needs before names stand at the line ends of its last panel

/** How many panels stand beside each other. */
export function columnsOf(panels, width) {
  return width < STACKED ? 1 : panels.length
}

/** Whether names stand at the line ends rather than in a legend above. */
export function namesAtEnds({ lines }, width) {
  const [longest, lost] = [Math.max(...lines.map((line) => line.label.length)), lines.some((line) => line.gone.length)]
  return lines.length > 0 && lines.length <= DIRECT && width >= ROOMY && longest <= LONGEST && !lost
}

/** Plotly's data and layout for `wire`; `view` holds `hidden` labels and whether losses are `log`. */
export function panelsFigure({ wire, view, theme, width, height }) {
  const size = measures(wire.lecture)
  const shown = wire.lines.filter((line) => !view.hidden.has(line.label))
  const frames = place(wire, theme, size, width, height)
  const figure = { data: [], layout: base(theme, size, width, height, wire) }
  wire.panels.forEach((panel, index) => {
    const axes = { x: `x${index ? index + 1 : ''}`, y: `y${index ? index + 1 : ''}` }
    const log = panel.log === null ? false : (view.log ?? panel.log)
    const ranges = rangesOf(panel, shown.length ? shown : wire.lines, log)
    const about = { wire, shown, panel, axes, log, ranges, theme, size, width, frame: frames[index] }
    Object.assign(figure.layout, axesOf(about))
    for (const line of wire.lines) figure.data.push(...traces(about, line, view))
    figure.layout.annotations.push(heading(about))
    if (panel.target && wire.target) drawTarget(about, figure)
    for (const line of shown) figure.data.push(...crosses(about, line))
    if (namesAtEnds(wire, width) && index === wire.panels.length - 1) figure.layout.annotations.push(...names(about, shown))
  })
  return figure
}

function place({ lines, panels }, theme, size, width, height) {
  const columns = columnsOf(panels, width)
  const rows = panels.length / columns
  const atEnds = namesAtEnds({ lines, panels }, width)
  const longest = Math.max(0, ...lines.map((line) => textWidth(line.label, size.font, theme.font)))
  const room = { l: size.font * 4.7, r: 12, t: size.font * 1.9, b: size.font * 3.4 }
  const share = (width - (atEnds ? longest * 1.1 + 6 : 0)) / columns // the names stand right of all
  return panels.map((_, index) => {
    const [column, row] = [index % columns, Math.floor(index / columns)]
    const left = column * share + room.l
    const right = (column + 1) * share - room.r
    const top = (row * height) / rows + room.t
    const bottom = ((row + 1) * height) / rows - room.b
    return {
      x: [left / width, Math.max(left + 40, right) / width],
      y: [1 - bottom / height, 1 - Math.min(top, bottom - 40) / height],
      pixels: bottom - top,
    }
  })
}

function base(theme, size, width, height, wire) {
  return {
    width, height, autosize: false, showlegend: false, uirevision: wire.shown, dragmode: 'zoom',
    margin: { l: 0, r: 0, t: 0, b: 0 }, hovermode: 'x unified', hoverdistance: 40, separators: '.\u2009',
    paper_bgcolor: theme.background, plot_bgcolor: theme.background,
    font: { family: theme.font, size: size.font, color: theme.text },
    hoverlabel: {
      bgcolor: theme.background, bordercolor: theme.grid,
      font: { family: theme.font, size: size.font - 1, color: theme.text },
    },
    annotations: [], shapes: [],
  }
}

function rangesOf(panel, lines, log) {
  const drawn = lines.map((line) => {
    const points = pairs(line.columns, panel)
    return { x: points.map(([x]) => x), y: points.map(([, y]) => y), diverged: line.diverged }
  })
  if (panel.xLog) {
    const every = lines.flatMap((line) => [...line.columns[panel.x], ...line.gone])
    const positions = every.filter((value) => value > 0).map(Math.log10)
    const [low, high] = positions.length ? [Math.min(...positions), Math.max(...positions)] : [-2, 0]
    const room = 0.06 * (high - low || 1)
    const [bottom, top] = verticalRange(drawn, log)
    const rows = panel.log === null ? 0 : lines.filter((line) => line.gone.length).length
    return { x: [low - room, high + room], y: [bottom, top + (rows ? 0.04 + rows * ROW : 0) * (top - bottom)] }
  }
  return { x: horizontalRange(drawn, false, null), y: verticalRange(drawn, log) }
}

/** The points of one line in a panel: [x, y, index], where both were measured. */
export function pairs(columns, panel) {
  const [xs, ys] = [columns[panel.x] ?? [], columns[panel.y] ?? []]
  return xs.map((x, i) => [x, ys[i] ?? null, i]).filter(([x, y]) => x !== null && y !== null)
}

export function shade(color, { theme, wire }) {
  return (theme.dark && wire.darkLines[color]) || color
}

function traces(about, line, view) {
  const { panel, axes, size, log } = about
  const color = shade(line.color, about)
  const visible = !view.hidden.has(line.label)
  const points = pairs(line.columns, panel)
  const [x, y] = [points.map(([one]) => one), points.map(([, one]) => one)]
  const common = { type: 'scatter', xaxis: axes.x, yaxis: axes.y, visible, legendgroup: line.label }
  const made = line.seeds.map((seed) => {
    const own = pairs(seed.columns, panel)
    return {
      ...common, mode: 'lines', x: own.map(([one]) => one), y: own.map(([, one]) => one), hoverinfo: 'skip',
      name: line.label, meta: { label: line.label, seed: seed.seed, x: panel.x, y: panel.y },
      line: { color, width: 1.1 }, opacity: 0.4,
    }
  })
  const spread = line.std[panel.y]
  const outline = spread && bandOf({ x, y, std: points.map(([, , i]) => spread[i]) }, log ? least(made, y) : null)
  if (outline) made.push({
    ...common, mode: 'lines', ...outline, fill: 'toself', fillcolor: faded(color), line: { width: 0 },
    hoverinfo: 'skip', name: line.label,
  })
  const few = points.length <= 25
  made.push({
    ...common, mode: points.length > 1 ? (few ? 'lines+markers' : 'lines') : 'markers', x, y, name: line.label,
    meta: { label: line.label, seed: line.seeds.length ? 'mean' : (line.seed ?? ''), x: panel.x, y: panel.y },
    line: { color, dash: line.dash, width: 2.6 * size.line },
    marker: { color, size: (points.length > 1 ? 5 : 9) * size.line },
    hovertemplate: `%{y:${panel.percent ? '.1%' : '.3~g'}}`,
  })
  return made
}

function least(seeds, y) {
  return Math.min(...seeds.flatMap((seed) => seed.y), ...y.filter((value) => value > 0))
}

function faded(color) {
  const part = (at) => parseInt(color.slice(at, at + 2), 16)
  return `rgba(${part(1)},${part(3)},${part(5)},0.18)`
}

function axesOf({ panel, axes, log, ranges, theme, size, frame }) {
  const common = {
    gridcolor: theme.grid, zeroline: false, showline: false, ticks: '', autorange: false, nticks: 6,
    tickfont: { size: size.tick, color: theme.muted }, exponentformat: 'power', separatethousands: true,
  }
  const title = (text) => ({ text, font: { size: size.font, color: theme.text }, standoff: 6 })
  return {
    [`xaxis${axes.x.slice(1)}`]: {
      ...common, domain: frame.x, anchor: axes.y, range: ranges.x, title: title(panel.xTitle),
      type: panel.xLog ? 'log' : 'linear', hoverformat: '.3~g',
      ...(panel.xLog ? ticksAt(panel.xTicks, size) : {}),
      unifiedhovertitle: { text: `${panel.xTitle}: %{x}` },
    },
    [`yaxis${axes.y.slice(1)}`]: {
      ...common, domain: frame.y, anchor: axes.x, range: ranges.y, title: title(panel.yTitle),
      type: log ? 'log' : 'linear', ...(log ? logTicks(ranges.y, size, theme) : {}),
      ...(panel.percent ? { tickformat: ',.0%' } : {}),
    },
  }
}

function ticksAt(values, size) {
  if (!values?.length) return { dtick: 1, tickfont: { size: size.tick / 1.25 } }
  return { tickvals: values, ticktext: values.map(String) }
}

/** Decades; over about two of them also 2 and 5, over less than one finer ones. */
function logTicks([low, high], size, theme) {
  const span = high - low
  if (span > 2.2) return { dtick: Math.max(1, Math.round(span / 6)) }
  const tickvals = []
  for (let decade = Math.floor(low); decade <= high; decade += 1) {
    const factors = span < 0.35 ? [1, 1.2, 1.5, 1.8, 2, 2.2, 2.5, 3, 4, 5, 7] : span < 0.75 ? [1, 1.5, 2, 3, 5, 7] : [1, 2, 5]
    tickvals.push(...factors.map((factor) => Number((factor * 10 ** decade).toPrecision(3))))
  }
  return { tickvals, ticktext: tickvals.map(String), tickfont: { size: size.tick, color: theme.muted } }
}

function heading({ panel, frame, size }) {
  return {
    text: `<b>${panel.title}</b>`, showarrow: false, xref: 'paper', yref: 'paper', xanchor: 'left', yanchor: 'bottom',
    x: frame.x[0], y: frame.y[1], yshift: 4, font: { size: size.font + 1 },
  }
}

/** A diverged line ends in a cross and a word; in a study each lost run is a cross at the top. */
function crosses(about, line) {
  const { panel, axes, ranges, log, size } = about
  const color = shade(line.color, about)
  const [low, high] = ranges.y
  const common = {
    type: 'scatter', xaxis: axes.x, yaxis: axes.y, hoverinfo: 'skip', cliponaxis: false, name: 'diverged',
    legendgroup: line.label, textfont: { color, size: size.mark }, marker: { symbol: 'x', size: 8 * size.line, color },
  }
  const at = (share) => (log ? 10 ** (low + share * (high - low)) : low + share * (high - low))
  if (line.gone.length && panel.log !== null) {
    const others = about.shown.filter((one) => one.gone.length)
    const share = 1 - (ROW * (others.indexOf(line) + 0.6)) / (1.04 + others.length * ROW)
    const text = line.gone.map((_, i) => (i ? '' : 'diverged '))
    return [{ ...common, mode: 'markers+text', x: line.gone, y: line.gone.map(() => at(share)), text, textposition: 'middle left' }]
  }
  if (!line.diverged) return []
  const x = line.columns[panel.x].at(-1) ?? 0
  const last = line.columns[panel.y].at(-1) ?? null
  const scaled = last === null ? high : log ? Math.log10(last) : last
  const share = Math.min(0.93, Math.max(0, (scaled - low) / (high - low)))
  return [{ ...common, mode: 'markers+text', x: [x], y: [at(share)], text: [' diverged'], textposition: 'middle right' }]
}

/** Names beside the last points, pushed apart where they would touch. */
function names(about, shown) {
  const { panel, axes, frame, log, size, ranges } = about
  const gap = size.font * 1.35
  const [low, high] = ranges.y
  const placed = shown.flatMap((line) => {
    const last = pairs(line.columns, panel).at(-1)
    if (!last) return []
    const scaled = log ? Math.log10(last[1]) : last[1]
    const share = Math.min(1, Math.max(0, (scaled - low) / (high - low)))
    return [{ line, natural: frame.pixels * (1 - share), y: frame.pixels * (1 - share) }]
  })
  placed.sort((a, b) => a.y - b.y)
  for (let i = 1; i < placed.length; i += 1) placed[i].y = Math.max(placed[i].y, placed[i - 1].y + gap)
  let limit = frame.pixels
  for (const one of placed.toReversed()) {
    one.y = Math.min(one.y, limit)
    limit = one.y - gap
  }
  return placed.map(({ line, y }) => ({
    text: `<b>${line.label}</b>`, showarrow: false, xref: 'paper', yref: 'paper', xanchor: 'left', yanchor: 'middle',
    x: frame.x[1], xshift: 6, y: frame.y[0] + (1 - y / frame.pixels) * (frame.y[1] - frame.y[0]),
    font: { color: shade(line.color, about), size: size.font },
  }))
}
