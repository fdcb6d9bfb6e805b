// Live changes, divergences and the target: lines with their words, and signs on the curves.

import { faded, textWidth } from './dom.js'
import { memberOf } from './chart_lines.js'
import { arrival } from './crossing.js'
import { plain } from './format.js'

const ROWS = 3
const GAP = 10
const CEILING = { live: 0.86, recorded: 0.93 } // of the height; the words of live marks are above

/** The marks of the runs on show, in the order they happened; each once, with its line. */
export function marksOf(lines, hub, x) {
  const runs = new Map()
  for (const line of lines.filter(({ key, hidden }) => key && !hidden)) {
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
      // Changes of one of many runs would bury the picture; how each ended is told always.
      if (mark.kind !== 'diverged' && runs.size * members.size > 2) continue
      marks.push({ ...mark, x: mark[x], line })
    }
  }
  return marks.sort((a, b) => a.x - b.x)
}

/** Plotly's shapes and annotations of `marks` in a panel; their words do not overlap. */
export function drawMarks(marks, panel, { size, theme, tellWhose }) {
  const shapes = []
  const annotations = []
  const ends = Array.from({ length: ROWS }, () => -Infinity)
  for (const mark of marks) {
    const at = panel.toX(mark.x) - panel.left
    if (at < -1 || at > panel.width + 1) continue
    const diverged = mark.kind === 'diverged'
    shapes.push({
      type: 'line', xref: 'x', yref: 'paper', x0: mark.x, x1: mark.x, y0: 0, y1: 1, layer: 'below',
      line: { width: 1, dash: diverged ? 'solid' : 'dot' },
    })
    const whose = tellWhose ? `${mark.line.name}: ` : ''
    const text = diverged ? `✕ ${whose}${mark.label || 'diverged'}` : mark.label
    const length = textWidth(text, size, theme.font) + 8
    const flip = at + length > panel.width && at - length > 0
    const left = flip ? at - length : at
    const row = ends.findIndex((end) => end + GAP <= left)
    if (row < 0 || !text) continue
    ends[row] = left + length
    annotations.push({
      x: mark.x, xref: 'x', xanchor: flip ? 'right' : 'left', xshift: flip ? -4 : 4,
      y: 1, yref: 'paper', yanchor: 'top', yshift: -2 - row * size * 1.4,
      text: text.replace(/&/g, '&amp;').replace(/</g, '&lt;'), showarrow: false, align: 'left',
      font: { size }, bgcolor: faded(theme.background, 0.82),
    })
  }
  return { shapes, annotations }
}

/** Where lines diverged, as far as they are in sight: a cross in their colour. */
export function crosses(lines, marks, panels, { thick, theme, size }) {
  const cross = (panel, x, line, own, ceiling, words) => {
    const last = own.map(({ y }) => y.findLast((value) => value !== null && (!panel.log || value > 0)))
    const shares = last.filter((value) => value !== undefined).map((value) => 1 - (panel.toY(value) - panel.top) / panel.height)
    const share = shares.length ? Math.min(ceiling, Math.max(0, ...shares)) : ceiling
    return {
      type: 'scatter', name: 'diverged', showlegend: false, legendgroup: line.owner, cliponaxis: false, xaxis: panel.x, yaxis: panel.y,
      x: [x], y: [panel.at(share)], ...words,
      marker: { symbol: 'x', size: 11 * thick, color: theme.shade(line.trace.line.color), line: { width: 0 } },
    }
  }
  const live = marks.filter(({ kind }) => kind === 'diverged').map(({ x, line, label, member }) => {
    const own = lines.filter(({ run, key, hidden }) => !hidden && run === line.run && memberOf(key) === member)
    const text = [`${line.name}: ${label || 'diverged'}`]
    return cross(panels[0], x, line, own, CEILING.live, { mode: 'markers', text, hovertemplate: '%{text}<extra></extra>' })
  })
  const recorded = lines.filter(({ trace, hidden }) => trace.meta?.ended && !hidden).map((line) => {
    const panel = panels.find(({ y }) => y === (line.trace.yaxis ?? 'y'))
    const textfont = { size, color: theme.shade(line.trace.line.color) }
    const words = { text: [' diverged'], textposition: 'middle right', hoverinfo: 'skip', textfont }
    return cross(panel, line.x.at(-1) ?? 0, line, [line], CEILING.recorded, { mode: 'markers+text', ...words })
  })
  return [...live, ...recorded]
}

/** When each line gets to the target: a ring on the target's line. */
export function arrivals(lines, target, below, { clock, thick, theme }) {
  const words = clock === 'seconds' ? 's' : clock
  return lines.filter(({ named, hidden }) => named && !hidden).flatMap(({ name, owner, trace, seeds }) => {
    const found = arrival(seeds, target, below)
    const few = found && found.n < seeds.length ? ` (${found.n} of ${seeds.length} seeds)` : ''
    return !found ? [] : [{
      type: 'scatter', mode: 'markers', name: 'target reached', showlegend: false, legendgroup: owner, cliponaxis: false, hoverinfo: 'skip',
      x: [found.x], y: [target], text: [`${name}: ${plain(found.x)} ${words}${few}`],
      marker: { symbol: 'circle-open', size: 11 * thick, color: theme.shade(trace.line.color), line: { width: 2.5 } },
    }]
  })
}
