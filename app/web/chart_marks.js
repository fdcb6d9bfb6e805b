// Live changes, divergences and the target: lines with their words, and signs on the curves.

import { memberOf } from './chart_lines.js'
import { arrival } from './crossing.js'
import { faded, textWidth } from './dom.js'
import { plain, spelled } from './format.js'

const ROWS = 3
const GAP = 10
const CEILING = { live: 0.86, recorded: 0.93 } // of the height; the words of live marks are above

/** The marks of the runs on show, in the order they happened; each once, with its line. */
export function marksOf(lines, hub, x) {
  const runs = new Map()
  for (const line of lines.filter(({ key, run, hidden }) => key && run && !hidden)) {
    const members = runs.get(line.run) ?? new Map()
    const member = memberOf(line.key)
    if (!members.has(member) || !line.faint) members.set(member, line)
    runs.set(line.run, members)
  }
  const marks = []
  for (const [run, members] of runs) {
    for (const mark of hub.run(run).marks) {
      const line = members.get(mark.member)
      if (!line) continue
      // Changes of one of many runs would bury the picture; how each ended is said always.
      if (mark.kind !== 'diverged' && runs.size * members.size > 2) continue
      marks.push({ ...mark, x: mark[x], line })
    }
  }
  return marks.toSorted((a, b) => a.x - b.x)
}

/** Plotly's shapes and annotations of `marks` in a panel; their words do not overlap. */
export function drawMarks(marks, panel, { size, theme, named, above }) {
  const shapes = []
  const annotations = []
  const ends = Array.from({ length: ROWS }, () => -Infinity)
  for (const mark of marks) {
    const at = panel.toX(mark.x) - panel.left
    if (at < -1 || at > panel.width + 1) continue
    const diverged = mark.kind === 'diverged'
    shapes.push({
      type: 'line', xref: 'x', yref: 'y domain', x0: mark.x, x1: mark.x, y0: 0, y1: 1, layer: above ? 'above' : 'below',
      line: { width: 1, dash: diverged ? 'solid' : 'dot' },
    })
    const whose = named ? `${mark.line.name}: ` : ''
    const long = (words) => textWidth(spelled(words), size, theme.font) + 8
    const said = mark.label || 'diverged'
    const tries = above ? ['✕'] : [`✕ ${whose}${said}`, `✕ ${whose}${said.split(':')[0]}`, '✕ diverged']
    const room = Math.max(at, panel.width - at) // at its left or at its right
    const text = diverged ? tries.find((words) => long(words) <= room) ?? tries.at(-1) : mark.label
    const length = long(text)
    const flip = at + length > panel.width && at - length > 0
    const left = flip ? at - length : at
    const row = ends.findIndex((end) => end + GAP <= left)
    if (row < 0 || !text) continue
    ends[row] = left + length
    annotations.push({
      x: mark.x, xref: 'x', xanchor: flip ? 'right' : 'left', xshift: flip ? -4 : 4,
      y: 1, yref: 'y domain', yanchor: 'top', yshift: -2 - row * size * 1.4,
      text: spelled(text).replace(/&/g, '&amp;').replace(/</g, '&lt;'), showarrow: false, align: 'left',
      font: { size }, bgcolor: faded(theme.background, 0.82),
    })
  }
  return { shapes, annotations }
}

/** Where lines diverged, as far as they are in sight: a cross in their colour. */
export function crosses(lines, marks, panels, look) {
  const live = marks.filter(({ kind, line }) => kind === 'diverged' && line.trace.line).map(({ x, line, label, member }) => {
    const own = lines.filter(({ run, key, hidden }) => !hidden && run === line.run && memberOf(key) === member)
    const hover = { text: [spelled(`${line.name}: ${label || 'diverged'}`)], hovertemplate: '%{text}<extra></extra>' }
    return { ...sign(line, look, x, heightOf(own, panels[0], CEILING.live)), ...hover }
  })
  const recorded = lines.filter(({ trace, hidden }) => trace.meta?.ended && !hidden).map((line) => {
    const panel = panels.find(({ y }) => y === line.on)
    const made = sign(line, look, line.x.at(-1) ?? 0, heightOf([line], panel, CEILING.recorded))
    const text = { mode: 'markers+text', text: [' diverged'], textposition: 'middle right', hoverinfo: 'skip' }
    const textfont = { size: look.size, color: made.marker.color }
    return { ...made, ...text, textfont, xaxis: panel.x, yaxis: panel.y }
  })
  return [...live, ...recorded].map((made) => ({ ...made, name: 'diverged' }))
}

/** The last height of lines in a panel, below a ceiling. */
function heightOf(lines, panel, ceiling) {
  const last = lines.map(({ y }) => y.findLast((value) => value !== null && (!panel.log || value > 0)))
  const places = last.filter((value) => value !== undefined).map(panel.toY)
  const shares = places.map((place) => 1 - (place - panel.top) / panel.height)
  return panel.at(shares.length ? Math.min(ceiling, Math.max(0, ...shares)) : ceiling)
}

/** A sign on a line, in its colour. */
function sign({ trace }, { thick, theme }, x, y) {
  const marker = { symbol: 'x', size: 11 * thick, color: theme.shade(trace.line.color), line: { width: 0 } }
  return { type: 'scatter', mode: 'markers', x: [x], y: [y], marker, showlegend: false, cliponaxis: false }
}

/** When each line gets to the target: a ring on the target's line. */
export function arrivals(lines, target, below, look) {
  const unit = look.clock === 'seconds' ? 's' : look.clock
  const reaching = lines.filter(({ named, hidden }) => named && !hidden)
    .map((line) => ({ line, at: arrival(line.seeds, target, below) })).filter(({ at }) => at)
  return reaching.map(({ line, at: { x, n } }) => {
    const few = n < line.seeds.length ? ` (${n} of ${line.seeds.length} seeds)` : ''
    const made = sign(line, look, x, target)
    return {
      ...made, name: 'target reached', hoverinfo: 'skip', text: [`${line.name}: ${plain(x)} ${unit}${few}`],
      marker: { ...made.marker, symbol: 'circle-open', line: { width: 2.5 } },
    }
  })
}

export function targetLine(value, theme) {
  return {
    type: 'line', name: 'target', xref: 'x domain', yref: 'y', x0: 0, x1: 1, y0: value, y1: value,
    layer: 'below', line: { color: theme.muted, width: 1.2, dash: 'dash' },
  }
}
