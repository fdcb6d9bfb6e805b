// The level that others are held against: a thin line with its words, and where each line gets there.

import { textWidth } from './chart_marks.js'
import { pairs, shade } from './panels_figure.js'

/** The loss of the whole plain run as a thin line, and where each line falls below it. */
export function drawTarget(about, figure) {
  const { wire, shown, panel, axes, theme, size, log } = about
  const { value, words } = wire.target
  figure.layout.shapes.push({
    type: 'line', xref: `${axes.x} domain`, yref: axes.y, x0: 0, x1: 1, y0: value, y1: value, layer: 'below',
    line: { color: theme.line, width: 1.3, dash: 'dot' },
  })
  figure.layout.annotations.push({
    text: words, showarrow: false, xref: 'paper', yref: axes.y, y: log ? Math.log10(value) : value,
    font: { size: size.mark, color: theme.muted }, ...clearest(about, words, value),
  })
  const found = shown.filter((line) => !line.baseline && typeof line.reached?.[panel.x] === 'number')
  for (const line of found) {
    const at = line.reached[panel.x]
    figure.layout.shapes.push({
      type: 'line', xref: axes.x, yref: axes.y, x0: at, x1: at, y0: value, y1: log ? 10 ** about.ranges.y[0] : about.ranges.y[0],
      layer: 'below', line: { color: shade(line.color, about), width: 1.2, dash: 'dot' },
    })
  }
  figure.data.push({
    type: 'scatter', mode: 'markers', xaxis: axes.x, yaxis: axes.y, hoverinfo: 'skip', cliponaxis: false,
    name: 'target reached', x: found.map((line) => line.reached[panel.x]), y: found.map(() => value),
    text: found.map((line) => line.label),
    marker: {
      symbol: 'circle-open', size: 11 * size.line, line: { width: 2.5 },
      color: found.map((line) => shade(line.color, about)),
    },
  })
}

/** The place along the target's line where the fewest curves run through its words. */
function clearest(about, words, value) {
  const { frame, theme, size, width } = about
  const wide = textWidth(words, size.mark, theme.font) / (width * (frame.x[1] - frame.x[0]))
  const tall = (size.mark * 1.5) / frame.pixels
  const level = shareOf(value, about)
  const spots = ['top', 'bottom'].flatMap((yanchor) => [0, 0.2, 0.4, 0.6, 0.8, 1].map((share) => {
    const left = (1 - share) * Math.max(0, 1 - wide) // from the right, where nothing speaks against it
    const y = yanchor === 'top' ? [level - tall, level] : [level, level + tall]
    const outside = y[0] < 0 || y[1] > 1 ? 1000 : 0
    const box = [left, left + wide]
    return { yanchor, left, hits: outside + about.shown.reduce((sum, line) => sum + hits(about, line, box, y), 0) }
  }))
  const { yanchor, left } = spots.reduce((best, one) => (one.hits < best.hits ? one : best))
  const x = frame.x[0] + left * (frame.x[1] - frame.x[0])
  return { xanchor: 'left', yanchor, x, yshift: yanchor === 'top' ? -2 : 2 }
}

/** How much of a line runs through a box given in shares of the frame. */
function hits(about, line, [left, right], [low, high]) {
  const { panel, ranges } = about
  const across = (x) => ((panel.xLog ? Math.log10(x) : x) - ranges.x[0]) / (ranges.x[1] - ranges.x[0])
  const points = pairs(line.columns, panel).map(([x, y]) => [across(x), shareOf(y, about)])
  let found = 0
  for (let i = 1; i < points.length; i += 1) {
    for (let part = 0; part <= 1; part += 0.05) {
      const [x, y] = [0, 1].map((axis) => points[i - 1][axis] + part * (points[i][axis] - points[i - 1][axis]))
      if (x >= left && x <= right && y >= low && y <= high) found += 1
    }
  }
  return found
}

/** Where a value stands between the bottom (0) and the top (1) of the frame. */
function shareOf(value, { log, ranges }) {
  return ((log ? Math.log10(value) : value) - ranges.y[0]) / (ranges.y[1] - ranges.y[0])
}
