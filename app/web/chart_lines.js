// What is drawn, from what has arrived: one line a trace, means over seeds, running means.

import { memberOf } from './chart_marks.js'
import { meanOf, smoothed } from './chart_seeds.js'

/** The options as they stand for the quantity a person looks at. */
export function optionsOf(options, view) {
  const quantity = options.quantities.find(({ series }) => series === view.quantity) ?? options.quantities[0]
  if (!quantity) return options
  const named = (key) => `${memberOf({ series: key })}/${quantity.series}`
  const traces = options.traces.map((trace) => ({
    ...trace, series: named(trace.series), seeds: trace.seeds.map(named),
  }))
  const target = quantity.target === null
    ? null
    : { value: view.targets[quantity.series] ?? quantity.target, below: quantity.below }
  return { ...options, ...quantity, title: quantity.title, traces, target, quantity }
}

/** The lines with their data: {trace, color, x, y, std, seeds, series, hidden, diverged, live, progress}. */
export function linesOf(options, hub, view, theme) {
  const span = view.smooth ? options.smoothing : 0
  return options.traces.flatMap((trace) => {
    const shown = (theme.dark && options.darkLines[trace.color]) || trace.color
    const about = standing(trace, hub)
    const whole = trace.seeds?.length > 1 ? seedsOf(trace, hub, about) : null
    const series = whole ? whole.mean : hub.series(trace.run, trace.series)
    const label = whole ? `${trace.label} (N = ${whole.mean?.n ?? 0})` : trace.label
    const line = lineOf(about, { ...trace, label, shown }, series, view)
    line.hidden = view.hidden.has(trace.label)
    // What was measured, seed by seed, decides when the target is reached.
    const measured = whole ? whole.members.map((one) => one.series) : series ? [series] : []
    line.seeds = measured.filter(({ y }) => y.length).map((one) => ({ x: one[view.x], y: one.y }))
    const context = whole ? whole.members.map((one) => faint(about, trace, shown, one, view, label)) : []
    if (span && !trace.faint && series) {
      // What was measured stays, with its band.
      context.push(faint(about, trace, shown, { key: trace.series, series }, view, label))
      line.y = smoothed(series, span, view.log)
      line.std = null
      line.smooth = true
    }
    context.forEach((one) => (one.hidden = line.hidden))
    line.trace.name = trace.label // N changes, what a person hid does not
    return [...context, line]
  })
}

function standing(trace, hub) {
  const run = hub.run(trace.run)
  const keys = trace.seeds?.length ? trace.seeds : [trace.series]
  const members = keys.map((series) => memberOf({ series }))
  const ended = (member) => (run.marks ?? []).some((m) => m.kind === 'diverged' && m.member === member)
  return {
    over: run.status === 'ended',
    live: run.status !== null && run.status !== 'ended' && run.status !== 'deleted',
    progress: run.progress,
    divergences: members.map(ended),
  }
}

function lineOf(about, trace, series, view) {
  return {
    trace,
    color: trace.shown,
    x: series?.[view.x] ?? [],
    y: series?.y ?? [],
    std: series?.std ?? null,
    series,
    diverged: about.divergences.some(Boolean),
    live: about.live,
    progress: about.progress,
  }
}

function seedsOf(trace, hub, about) {
  const all = trace.seeds.map((key) => hub.series(trace.run, key))
  const mean = meanOf(all, about.over, about.divergences)
  const members = trace.seeds.map((key, index) => ({ key, series: all[index] })).filter(({ series }) => series)
  return { mean, members }
}

function faint(about, trace, shown, { key, series }, view, label) {
  const context = { ...trace, series: key, seeds: [], faint: true, markers: false, label, shown }
  const member = memberOf(context)
  const keys = trace.seeds?.length ? trace.seeds : [trace.series]
  const at = keys.findIndex((one) => memberOf({ series: one }) === member)
  return { ...lineOf(about, context, series, view), diverged: about.divergences[at] ?? false }
}
