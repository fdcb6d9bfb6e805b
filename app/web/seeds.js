// Several seeds as one line: their mean, a band of one standard deviation, the seeds faintly.

const FIELDS = ['step', 'epoch', 'seconds']

/**
 * Mean and sample standard deviation of `seeds` step by step: {step, epoch, seconds, y, std, n}.
 *
 * Seeds are raced one after the other. Those still under way would bend the mean as they go, so
 * they join once they are through; until one is, the first stands for all. A seed that diverged has
 * no mean with others: it counts only where every seed did.
 */
export function meanOf(seeds, ended, diverged) {
  const begun = seeds.map((series, index) => ({ series, index })).filter(({ series }) => series?.y.length)
  if (!begun.length) return null
  const last = begun[begun.length - 1].index
  const through = begun.filter(({ index }) => ended || index < last)
  const sound = through.filter(({ index }) => !diverged[index])
  const chosen = (sound.length ? sound : [through[0] ?? begun[0]]).map(({ series }) => series)
  const [first] = chosen
  if (chosen.length === 1) return { ...first, std: null, n: 1 }
  const mean = { step: [], epoch: [], seconds: [], y: [], std: [], n: chosen.length }
  const readers = chosen.map(reader)
  for (const step of first.step) {
    const points = readers.map((read) => read(step))
    if (points.includes(null)) break // past the end of a seed
    const average = (name) => points.reduce((sum, point) => sum + point[name], 0) / points.length
    for (const name of FIELDS) mean[name].push(average(name))
    const values = points.map(({ y }) => y)
    if (values.some((value) => value === null)) {
      mean.y.push(null)
      mean.std.push(null)
      continue
    }
    const middle = average('y')
    const squares = values.reduce((sum, value) => sum + (value - middle) ** 2, 0)
    mean.y.push(middle)
    mean.std.push(Math.sqrt(squares / (values.length - 1)))
  }
  return mean
}

/** Read a series at growing steps; between two points (where it was thinned) along the line. */
function reader(series) {
  let at = 0
  return (step) => {
    while (at < series.step.length - 1 && series.step[at + 1] <= step) at += 1
    if (series.step[at] === step) return pick(series, at)
    if (series.step[at] > step || at === series.step.length - 1) return null
    const share = (step - series.step[at]) / (series.step[at + 1] - series.step[at])
    const [low, high] = [pick(series, at), pick(series, at + 1)]
    if (low.y === null || high.y === null) return { ...low, step, y: null }
    return Object.fromEntries(Object.keys(low).map((name) => [name, low[name] + share * (high[name] - low[name])]))
  }
}

function pick(series, at) {
  return { step: series.step[at], epoch: series.epoch[at], seconds: series.seconds[at], y: series.y[at] }
}

/** The band as one closed outline in the line's coordinates; on a log axis it stays above zero. */
export function bandOf({ x, y, std }, floor) {
  if (!std) return null
  const kept = x.map((_, i) => i).filter((i) => y[i] !== null && std[i] !== null)
  if (!kept.length) return null
  const low = (i) => (floor === null ? y[i] - std[i] : Math.max(floor, y[i] - std[i]))
  const back = kept.toReversed()
  return {
    x: [...kept, ...back].map((i) => x[i]),
    y: [...kept.map((i) => y[i] + std[i]), ...back.map(low)],
  }
}

/**
 * A running mean over the past `span` epochs: each point depends on earlier ones only, so that what
 * is drawn once is never drawn differently later. On a log axis the mean is of the logarithms:
 * otherwise a falling loss would be all past.
 */
export function smoothed({ epoch, y }, span, log) {
  if (log) {
    const logs = y.map((value) => (value > 0 ? Math.log(value) : null))
    return smoothed({ epoch, y: logs }, span, false).map((value) => (value === null ? null : Math.exp(value)))
  }
  let mean = null
  let weight = 0
  return y.map((value, i) => {
    if (value === null) return null
    const kept = i ? Math.exp(-(epoch[i] - epoch[i - 1]) / span) : 0
    weight = kept * weight + (1 - kept || 1)
    const share = (1 - kept || 1) / weight
    mean = mean === null ? value : mean + share * (value - mean)
    return mean
  })
}
