// Live changes and divergences: labelled vertical lines whose labels do not overlap.

const ROWS = 3
const GAP = 10
let pen = null

/** Width of a text in pixels. */
export function textWidth(text, size, family) {
  pen ??= document.createElement('canvas').getContext('2d')
  pen.font = `${size}px ${family}`
  return pen.measureText(text).width
}

/** The marks of the runs on show, in the order they happened; each once. */
export function marksOf(traces, hub, x) {
  const runs = new Map()
  for (const trace of traces) {
    const members = runs.get(trace.run) ?? new Map()
    const member = memberOf(trace)
    if (!members.has(member) || !trace.faint) members.set(member, trace)
    runs.set(trace.run, members)
  }
  const marks = []
  for (const [run, members] of runs) {
    for (const mark of hub.run(run).marks ?? []) {
      const trace = members.get(mark.member)
      if (!trace) continue
      // Changes of one of many runs would bury the picture; how each ended is told always.
      if (mark.kind !== 'diverged' && runs.size * members.size > 2) continue
      marks.push({ ...mark, x: mark[x], trace })
    }
  }
  return marks.sort((a, b) => a.x - b.x)
}

/** The contender a trace belongs to. */
export function memberOf(trace) {
  return Number(trace.series.split('/')[0])
}

/** Plotly shapes and annotations of `marks`; `place` maps x to pixels from the plot's left edge. */
export function drawMarks(marks, { place, width, size, theme, names = () => '' }) {
  const shapes = []
  const annotations = []
  const ends = new Array(ROWS).fill(-Infinity)
  for (const mark of marks) {
    const at = place(mark.x)
    if (at < -1 || at > width + 1) continue
    const diverged = mark.kind === 'diverged'
    shapes.push({
      type: 'line', xref: 'x', yref: 'paper', x0: mark.x, x1: mark.x, y0: 0, y1: 1, layer: 'below',
      line: { color: theme.line, width: 1, dash: diverged ? 'solid' : 'dot' },
    })
    const text = diverged ? `✕ ${names(mark)}${mark.label || 'diverged'}` : mark.label
    const length = textWidth(text, size, theme.font) + 8
    const flip = at + length > width && at - length > 0
    const left = flip ? at - length : at
    const row = ends.findIndex((end) => end + GAP <= left)
    if (row < 0 || !text) continue
    ends[row] = left + length
    annotations.push({
      x: mark.x, xref: 'x', xanchor: flip ? 'right' : 'left', xshift: flip ? -4 : 4,
      y: 1, yref: 'paper', yanchor: 'top', yshift: -2 - row * size * 1.4,
      text: escape(text), showarrow: false, align: 'left',
      font: { size, color: theme.text }, bgcolor: translucent(theme.background),
    })
  }
  return { shapes, annotations }
}

/** Where each diverged line leaves the frame: a cross in its colour. */
export function crosses(marks, range, log, lines) {
  const ended = marks.filter((mark) => mark.kind === 'diverged')
  if (!ended.length) return null
  const ceiling = range[0] + 0.86 * (range[1] - range[0]) // below the labels
  const height = (mark) => {
    const scaled = lines
      .filter(({ trace, hidden }) => !hidden && trace.run === mark.trace.run && memberOf(trace) === mark.member)
      .map(({ y }) => y.findLast((value) => value !== null && (!log || value > 0)))
      .filter((value) => value !== undefined)
      .map((value) => (log ? Math.log10(value) : value))
    const inside = Math.min(ceiling, ...(scaled.length ? [Math.max(...scaled)] : []))
    return log ? 10 ** inside : inside
  }
  return {
    type: 'scatter', mode: 'markers', showlegend: false, name: 'diverged',
    x: ended.map((mark) => mark.x), y: ended.map(height),
    text: ended.map((mark) => `${mark.trace.label}: ${mark.label || 'diverged'}`),
    hovertemplate: '%{text}<extra></extra>', cliponaxis: false,
    marker: { symbol: 'x', size: 12, color: ended.map((mark) => mark.trace.shown), line: { width: 0 } },
  }
}

function escape(text) {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;')
}

function translucent(color) {
  return /^#[0-9a-f]{6}$/i.test(color) ? `${color}d0` : color
}
