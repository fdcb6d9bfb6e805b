// What is drawn, from what has arrived: a line a trace, means over seeds, running means.

import { meanOf, smoothed } from './seeds.js'

/** The contender a series belongs to. */
export const memberOf = (series) => Number(series.split('/')[0])

/** The page's data as they stand for the quantity a person looks at. */
export function lookedAt(data, choice) {
  const quantity = data.quantities.find(({ series }) => series === choice.quantity) ?? data.quantities[0]
  if (!quantity) return data
  const named = (key) => `${memberOf(key)}/${quantity.series}`
  const traces = data.figure.data.map((trace) => ({
    ...trace,
    hovertemplate: quantity.hover,
    meta: { ...trace.meta, series: named(trace.meta.series), seeds: trace.meta.seeds.map(named) },
  }))
  const { yaxis, ...layout } = data.figure.layout
  const title = { ...yaxis.title, text: quantity.yTitle }
  return {
    ...data,
    quantity,
    title: quantity.title,
    target: quantity.target === null ? null : choice.targets[quantity.series] ?? quantity.target,
    figure: { data: traces, layout: { ...layout, yaxis: { ...yaxis, title, tickformat: quantity.tickformat } } },
  }
}

/**
 * The lines of traces, context before what it is behind: `x`, `y` and `std` in the figure's axes;
 * `columns`, the same as a table; `about`, whose they are; `owner`, the name that hides them;
 * `seeds`, what was measured of each; `named` with a name of its own, `faint` as context; `diverged`,
 * `live` and `progress` of its run.
 */
export function linesOf({ figure, smoothing }, hub, choice) {
  return figure.data.flatMap((trace) => {
    const owner = trace.legendgroup ?? trace.name
    const lines = trace.meta?.series
      ? liveLines(trace, { smoothing, hub, choice, thick: figure.layout.meta.thick })
      : [recorded(trace, figure.layout.meta)]
    return lines.map((line) => {
      const faint = line.faint ?? trace.meta?.label === ''
      return { ...line, owner, faint, hidden: choice.hidden.has(owner), named: !faint && Boolean(trace.meta?.label) }
    })
  })
}

function recorded(trace, { csv }) {
  const { x, y, name, meta } = trace
  return {
    trace, name, x, y,
    std: meta?.std ?? null,
    about: meta?.about ?? null,
    columns: csv && { [csv[0]]: x, [csv[1]]: y },
    diverged: meta?.ended ?? false,
  }
}

function liveLines(trace, { smoothing, hub, choice, thick }) {
  const { run, series } = trace.meta
  const { status, marks, progress } = hub.run(run)
  const keys = trace.meta.seeds.length > 1 ? trace.meta.seeds : [series]
  const all = keys.map((key) => hub.series(run, key))
  const diverged = keys.map((key) => marks.some((mark) => mark.kind === 'diverged' && mark.member === memberOf(key)))
  const mean = keys.length > 1 ? meanOf(all, status === 'ended', diverged) : null
  const name = keys.length > 1 ? `${trace.name} (N = ${mean?.n ?? 0})` : trace.name
  const line = (key, points, more) => ({
    trace, name, run, key, points,
    x: points?.[choice.x] ?? [],
    y: points?.y ?? [],
    std: points?.std ?? null,
    about: { run, series: key, label: name },
    columns: points && { step: points.step, epoch: points.epoch, seconds: points.seconds, value: points.y },
    live: status !== null && status !== 'ended' && status !== 'deleted',
    progress,
    ...more,
  })
  const pale = { ...trace, mode: 'lines', opacity: 0.45, line: { ...trace.line, dash: 'solid', width: 1.2 * thick } }
  const faint = { faint: true, trace: pale }
  const context = mean
    ? all.map((points, i) => line(keys[i], points, { ...faint, diverged: diverged[i] })).filter(({ points }) => points)
    : []
  // What was measured, seed by seed, decides when the target is reached.
  const seeds = all.filter((points) => points?.y.length).map((points) => ({ x: points[choice.x], y: points.y }))
  const main = line(series, mean ?? all[0], { diverged: diverged.some(Boolean), seeds })
  const column = series.split('/').slice(1).join('/')
  if (mean) main.about.series = `mean/${column}`
  if (choice.smooth && smoothing && main.points && trace.meta.label) {
    // What was measured stays, with its band.
    context.push({ ...main, ...faint })
    const y = smoothed(main.points, smoothing, choice.log)
    const columns = { ...main.columns, value: y }
    const about = { ...main.about, series: `smooth/${column}` }
    return [...context, { ...main, y, std: null, columns, about }]
  }
  return [...context, main]
}
