// The panels of a figure: where each stands, what part of the plane it shows, where a value falls.

import { horizontalRange, verticalRange } from './range.js'

/** How many panels stand beside each other. */
export function columnsOf({ columns = 1, stack = 0 }, width) {
  return width < stack ? 1 : columns
}

/** The names of the pairs of axes, in order: {x: 'x2', y: 'y2', xaxis: 'xaxis2', yaxis: 'yaxis2'}. */
export function pairsOf(layout) {
  const numbers = Object.keys(layout).map((name) => name.match(/^yaxis(\d*)$/)?.[1])
  const ordered = numbers.filter((n) => n !== undefined).toSorted((a, b) => a - b)
  return ordered.map((n) => ({ x: `x${n}`, y: `y${n}`, xaxis: `xaxis${n}`, yaxis: `yaxis${n}` }))
}

/** Pixels of each panel: {left, top, width, height}. */
export function framesOf(count, { gap = [0, 0], ...hints }, margin, width, height) {
  const columns = columnsOf(hints, width)
  const rows = Math.ceil(count / columns)
  const room = width - margin.l - margin.r - gap[0] * (columns - 1)
  const shares = hints.shares ?? Array(columns).fill(1 / columns)
  const before = (column) => shares.slice(0, column).reduce((sum, share) => sum + share * room + gap[0], 0)
  const high = (height - margin.t - margin.b - gap[1] * (rows - 1)) / rows
  return Array.from({ length: count }, (_, i) => ({
    left: margin.l + before(i % columns),
    top: margin.t + Math.floor(i / columns) * (high + gap[1]),
    width: Math.max(40, shares[i % columns] * room),
    height: Math.max(40, high),
  }))
}

/** The axis whose range another one shares, or itself. */
export const leaderOf = (layout, name) => layout[name].matches?.replace(/^([xy])/, '$1axis') ?? name

/** Whether a vertical axis is logarithmic: some a person switches. */
function isLog(layout, name, choice) {
  return layout.meta.logs?.includes(name) ? choice.log : layout[name].type === 'log'
}

/**
 * The ranges shown, by axis: what a person chose, else what the figure says, else what fits its
 * lines. `before` holds the ranges shown last.
 */
export function rangesOf(layout, lines, choice, before) {
  const shown = lines.filter(({ hidden, trace, y }) => !hidden && y.length && trace.meta && !trace.meta.shares)
  const live = shown.some((line) => line.live)
  const ends = shown.filter(({ trace }) => !trace.meta.points).map(({ progress, x }) => (progress ? x.at(-1) / progress : null))
  const end = ends.length && ends.every((value) => value !== null) ? Math.max(...ends) : null
  const ranges = {}
  const fit = (name, on, fitting) => {
    const leader = leaderOf(layout, name)
    const mine = ({ trace }) => leaderOf(layout, (trace[on] ?? on[0]).replace(/^[xy]/, on)) === leader
    ranges[name] = ranges[leader] ?? choice.ranges[leader] ?? layout[leader].range ?? fitting(shown.filter(mine))
  }
  for (const { xaxis, yaxis } of pairsOf(layout)) {
    fit(xaxis, 'xaxis', (there) => horizontalRange(there, live, end))
    fit(yaxis, 'yaxis', (there) => {
      const free = layout.meta.headroom?.[yaxis] ?? 0
      const [low, high] = verticalRange(there, isLog(layout, yaxis, choice), free ? null : before?.[yaxis])
      return percents(layout[yaxis], [low, high + free * (high - low)])
    })
  }
  return ranges
}

/** The range of an axis that writes whole percents: wide enough for them to differ. */
function percents({ tickformat }, [low, high]) {
  if (!tickformat?.endsWith('%') || high - low >= 0.1) return [low, high]
  const bottom = Math.max(0, Math.min(0.9, (low + high) / 2 - 0.05))
  return [bottom, bottom + 0.105]
}

/** Each panel with its axes, its frame, and its scales between values and pixels. */
export function panelsOf(layout, frames, ranges, choice) {
  return pairsOf(layout).map((names, i) => {
    const frame = frames[i]
    const [across, up] = [ranges[names.xaxis], ranges[names.yaxis]]
    const [xLog, log] = [layout[names.xaxis].type === 'log', isLog(layout, names.yaxis, choice)]
    const share = (value, [low, high], scaled) => ((scaled ? Math.log10(value) : value) - low) / (high - low)
    return {
      ...names, ...frame, across, up, log,
      toX: (value) => frame.left + share(value, across, xLog) * frame.width,
      toY: (value) => frame.top + (1 - share(value, up, log)) * frame.height,
      /** The value at a share of the height. */
      at: (height) => {
        const value = up[0] + height * (up[1] - up[0])
        return log ? 10 ** value : value
      },
    }
  })
}

const FINE = [1, 1.2, 1.5, 1.8, 2, 2.2, 2.5, 3, 4, 5, 7]

/** Label decades; over about two of them also 2 and 5, over less than one finer ones, if there is room. */
export function logTicks([low, high], pixels, tickfont) {
  const span = high - low
  if (span > Math.min(2.2, pixels / 55)) {
    // Plotly writes powers a quarter larger than other numbers.
    const powers = { ...tickfont, size: tickfont.size / 1.25 }
    const room = Math.min(6, pixels / Math.max(25, 1.5 * tickfont.size)) // labels that fit
    return { dtick: Math.max(1, Math.round(span / room)), tickfont: powers }
  }
  const factors = span < 0.35 ? FINE : span < 0.75 ? [1, 1.5, 2, 3, 5, 7] : [1, 2, 5]
  const tickvals = []
  for (let decade = Math.floor(low); decade <= high; decade += 1) {
    tickvals.push(...factors.map((factor) => Number((factor * 10 ** decade).toPrecision(3))))
  }
  const inside = tickvals.filter((value) => Math.log10(value) >= low && Math.log10(value) <= high)
  return inside.length > 1 ? { tickvals, ticktext: tickvals.map(String), tickfont } : {} // else as Plotly likes
}

/** The zoom in a report of Plotly's: {xaxis: [low, high], …}, axes that share a range once. */
export function zoomed(change, layout) {
  const ranges = {}
  for (const [key, value] of Object.entries(change)) {
    const [, axis, end] = key.match(/^([xy]axis\d*)\.range(?:\[([01])\])?$/) ?? []
    if (!axis) continue
    const range = (ranges[leaderOf(layout, axis)] ??= [])
    if (end) range[end] = Number(value)
    else range.push(...value.map(Number))
  }
  return ranges
}

/** Index of the value nearest to `x` in an ascending list; −1 if it is empty. */
export function nearest(values, x) {
  const after = values.findIndex((value) => value > x)
  if (after < 0) return values.length - 1
  return after > 0 && x - values[after - 1] <= values[after] - x ? after - 1 : after
}
