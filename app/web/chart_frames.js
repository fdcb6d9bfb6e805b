// The panels of a figure: where each stands, what part of the plane it shows, where a value falls.

import { horizontalRange, verticalRange } from './range.js'

/** How many panels stand beside each other. */
export function columnsOf({ columns = 1, stack = 0 }, width) {
  return width < stack ? 1 : columns
}

/** The names of the pairs of axes, in order: {x: 'x2', y: 'y2', xaxis: 'xaxis2', yaxis: 'yaxis2'}. */
export function pairsOf(layout) {
  const numbers = Object.keys(layout).map((name) => name.match(/^yaxis(\d*)$/)?.[1]).filter((n) => n !== undefined)
  return numbers.sort((a, b) => a - b).map((n) => ({ x: `x${n}`, y: `y${n}`, xaxis: `xaxis${n}`, yaxis: `yaxis${n}` }))
}

/** Pixels of each panel: {left, top, width, height}. */
export function framesOf(count, { gap = [0, 0], ...hints }, margin, width, height) {
  const columns = columnsOf(hints, width)
  const rows = Math.ceil(count / columns)
  const wide = (width - margin.l - margin.r - gap[0] * (columns - 1)) / columns
  const high = (height - margin.t - margin.b - gap[1] * (rows - 1)) / rows
  return Array.from({ length: count }, (_, i) => ({
    left: margin.l + (i % columns) * (wide + gap[0]),
    top: margin.t + Math.floor(i / columns) * (high + gap[1]),
    width: Math.max(40, wide),
    height: Math.max(40, high),
  }))
}

/** The axis whose range another one shares, or itself. */
export const leaderOf = (layout, name) => layout[name].matches?.replace(/^([xy])/, '$1axis') ?? name

/** Whether a vertical axis is logarithmic: some a person switches. */
export function isLog(layout, name, choice) {
  return layout.meta.logs?.includes(name) ? choice.log : layout[name].type === 'log'
}

/**
 * The ranges shown, by axis: what a person chose, else what the figure says, else what fits its
 * lines. `before` holds the ranges shown last.
 */
export function rangesOf(layout, lines, choice, before) {
  const shown = lines.filter((line) => !line.hidden && line.y.length && line.trace.meta && !line.trace.meta.shares)
  const live = shown.some((line) => line.live)
  const ends = shown.map((line) => (line.progress ? line.x.at(-1) / line.progress : null))
  const end = ends.length && ends.every((value) => value !== null) ? Math.max(...ends) : null
  const found = {}
  for (const { xaxis, yaxis } of pairsOf(layout)) {
    for (const name of [xaxis, yaxis]) {
      const leader = leaderOf(layout, name)
      found[name] = found[leader] ?? choice.ranges[leader] ?? layout[leader].range
      if (found[name]) continue
      const axis = name === xaxis ? 'xaxis' : 'yaxis'
      const there = shown.filter(({ trace }) => leaderOf(layout, (trace[axis] ?? axis[0]).replace(/^[xy]/, axis)) === leader)
      const free = layout.meta.headroom?.[name]
      found[name] = axis === 'xaxis'
        ? horizontalRange(there, live, end)
        : raised(verticalRange(there, isLog(layout, name, choice), free ? null : before?.[name]), free)
    }
  }
  return found
}

const raised = ([low, high], share = 0) => [low, high + share * (high - low)]

/** Each panel with its frame, its ranges, and its scales between values and pixels. */
export function panelsOf(layout, frames, ranges, choice) {
  return pairsOf(layout).map((names, i) => {
    const frame = frames[i]
    const [xs, ys] = [ranges[names.xaxis], ranges[names.yaxis]]
    const [xLog, yLog] = [layout[names.xaxis].type === 'log', isLog(layout, names.yaxis, choice)]
    const share = (value, [low, high], log) => ((log ? Math.log10(value) : value) - low) / (high - low)
    return {
      ...names, ...frame, range: ys, log: yLog,
      toX: (value) => frame.left + share(value, xs, xLog) * frame.width,
      toY: (value) => frame.top + (1 - share(value, ys, yLog)) * frame.height,
      /** The value at a share of the height. */
      at: (height) => {
        const value = ys[0] + height * (ys[1] - ys[0])
        return yLog ? 10 ** value : value
      },
    }
  })
}

/** Label decades; over about two of them also 2 and 5, over less than one finer ones, where there is room. */
export function logTicks([low, high], pixels, tickfont) {
  const span = high - low
  // Plotly writes powers a quarter larger than other numbers.
  const powers = { ...tickfont, size: tickfont.size / 1.25 }
  if (span > Math.min(2.2, pixels / 55)) return { dtick: Math.max(1, Math.round(span / Math.min(6, pixels / 25))), tickfont: powers }
  const factors = span < 0.35 ? [1, 1.2, 1.5, 1.8, 2, 2.2, 2.5, 3, 4, 5, 7] : span < 0.75 ? [1, 1.5, 2, 3, 5, 7] : [1, 2, 5]
  const decades = Array.from({ length: Math.floor(high) - Math.floor(low) + 1 }, (_, i) => 10 ** (Math.floor(low) + i))
  const tickvals = decades.flatMap((decade) => factors.map((factor) => Number((factor * decade).toPrecision(3))))
  const inside = tickvals.filter((value) => Math.log10(value) >= low && Math.log10(value) <= high)
  return inside.length > 1 ? { tickvals, ticktext: tickvals.map(String), tickfont } : {} // else as Plotly likes
}
