// What is drawn, from what has arrived: a line a trace, means over seeds, running means.

import { meanOf, smoothed } from './seeds.js'

/** The contender a series belongs to. */
export const memberOf = (series) => Number(series.split('/')[0])

/** What a series is of: its table and column. */
const measureOf = (series) => series.split('/').slice(1).join('/')

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
  const { yaxis, meta, ...layout } = data.figure.layout
  const title = { ...yaxis.title, text: quantity.y_title }
  return {
    ...data,
    quantity,
    title: quantity.title,
    target: quantity.target === null ? null : choice.targets[quantity.series] ?? quantity.target,
    figure: { data: traces, layout: { ...layout, meta: { ...meta, logs: quantity.below ? meta.logs : [] }, yaxis: { ...yaxis, title, tickformat: quantity.tickformat } } },
  }
}

/**
 * The lines of traces, context before what it is behind. Of each:
 * - `x`, `y`, `std`: its numbers; `columns`: the same as a table, `about`: whose they are;
 * - `on`: its vertical axis; `owner`: the name that hides it; `named`: whether it has one of its own;
 * - `faint`: whether it is context; `seeds`: what was measured of each seed;
 * - `diverged`, `live`, `progress`: how its run stands.
 *
 * A line with `meta.points` has its numbers with it: it was imported, and belongs to no run.
 */
export function linesOf({ figure, smoothing }, hub, choice) {
  const { csv, thick } = figure.layout.meta
  return figure.data.flatMap((trace) => {
    const owner = trace.legendgroup ?? trace.name
    const lines = trace.meta?.series ? liveLines(trace, { smoothing, hub, choice, thick }) : [recorded(trace, csv)]
    return lines.map((line) => {
      const faint = line.faint ?? trace.meta?.label === ''
      const named = !faint && Boolean(trace.meta?.label)
      return { ...line, owner, faint, named, hidden: choice.hidden.has(owner), on: trace.yaxis ?? 'y' }
    })
  })
}

const cells = ({ x, y, z }, [across, down]) => ({
  [across]: z.flatMap(() => x), [down]: z.flatMap((row, i) => row.map(() => y[i])), value: z.flat(),
})

function recorded(trace, csv) {
  const { x, y, name, meta } = trace
  return {
    trace, name, x, y,
    std: meta?.std ?? null,
    about: meta?.about ?? null,
    columns: csv && (trace.z ? cells(trace, csv) : { [csv[0]]: x, [csv[1]]: y }),
    diverged: meta?.ended ?? false,
  }
}

function liveLines(trace, { smoothing, hub, choice, thick }) {
  const { run, series, seeds, label, points: imported } = trace.meta
  const { status, marks, progress } = hub.run(run)
  if (imported && !imported[measureOf(series)]?.[choice.x].length) return [] // it tells no such axis
  const several = seeds.length > 1
  const members = (several ? seeds : [series]).map((key) => ({
    key,
    points: imported ? imported[measureOf(key)] : hub.series(run, key),
    diverged: marks.some(({ kind, member }) => kind === 'diverged' && member === memberOf(key)),
  }))
  const diverged = members.map((member) => member.diverged)
  const mean = several ? meanOf(members.map(({ points }) => points), status === 'ended', diverged) : null
  const name = several ? `${trace.name} (N = ${mean?.n ?? 0})` : trace.name
  const live = status !== null && status !== 'ended' && status !== 'deleted'
  const line = (key, points, more) => ({
    trace, name, run, key, points, live, progress,
    x: points?.[choice.x] ?? [],
    y: points?.y ?? [],
    std: points?.std ?? null,
    about: { run, series: key, label: name },
    columns: points && { step: points.step, epoch: points.epoch, seconds: points.seconds, value: points.y },
    ...more,
  })
  const pale = { ...trace, mode: 'lines', opacity: 0.45, line: { ...trace.line, dash: 'solid', width: 1.2 * thick } }
  const faint = { faint: true, trace: pale }
  const begun = members.filter(({ points }) => points?.y.length)
  const context = begun.map((member) => line(member.key, member.points, { ...faint, diverged: member.diverged }))
  const main = line(series, mean ?? members[0].points, {
    diverged: diverged.some(Boolean),
    // What was measured, seed by seed, decides when the target is reached.
    seeds: begun.map(({ points }) => ({ x: points[choice.x], y: points.y })),
  })
  const column = measureOf(series)
  if (mean) main.about.series = `mean/${column}`
  const behind = mean ? context : []
  if (!(choice.smooth && smoothing && main.points?.epoch.length && label)) return [...behind, main]
  return [...behind, { ...main, ...faint }, smooth(main, column, smoothing, choice)]
}

/** A line as its running mean; what was measured stays behind it, with its band. */
function smooth(line, column, span, { log }) {
  const y = smoothed(line.points, span, log)
  const columns = { ...line.columns, value: y }
  return { ...line, y, std: null, columns, about: { ...line.about, series: `smooth/${column}` } }
}

/** What is drawn as a table: a row a point, whose it is before what it is. */
export function rowsOf(lines) {
  const drawn = lines.filter(({ hidden, about, columns }) => !hidden && about && columns)
  const tables = drawn.flatMap(({ about, columns, std }) => {
    if (!std || !about.series) return [{ about, columns }]
    const spread = { ...about, series: about.series.replace('mean/', 'std/') }
    return [{ about, columns }, { about: spread, columns: { ...columns, value: std } }]
  })
  if (!tables.length) return []
  const head = [...Object.keys(tables[0].about), ...Object.keys(tables[0].columns)]
  const rows = tables.flatMap(({ about, columns }) => {
    const values = Object.values(columns)
    return values[0].map((_, i) => [...Object.values(about), ...values.map((column) => column[i] ?? 'nan')])
  })
  return [head, ...rows]
}
