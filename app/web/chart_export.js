// Take the picture away: SVG, PNG and CSV of what is drawn, with title, legend and axis labels.

import { named } from './chart_figure.js'

export async function exportImage(format, { figure, lines, options }) {
  const labelled = new Set(named(lines).map((line) => line.trace))
  const data = figure.data.map((trace, index) => ({
    ...trace,
    showlegend: index < lines.length && labelled.has(lines[index].trace) && !lines[index].hidden,
  }))
  const layout = {
    ...figure.layout,
    width: 960, height: 560, showlegend: true,
    title: { text: options.title, x: 0.02, xanchor: 'left', font: { size: 20 } },
    margin: { l: 80, r: 24, t: 60, b: 70 },
    legend: { orientation: 'v', x: 1.02, y: 1, xanchor: 'left' },
  }
  const scale = format === 'png' ? 2 : 1
  const url = await window.Plotly.toImage({ data, layout }, { format, width: 960, height: 560, scale })
  save(url, `${slug(options.title)}.${format}`)
}

export function exportCsv({ lines, options }) {
  const rows = [['run', 'series', 'label', 'step', 'epoch', 'seconds', 'value']]
  for (const { trace, series, hidden, y, std, smooth } of lines) {
    if (hidden || !series) continue
    const written = (key, values) =>
      values.forEach((value, i) => {
        const place = [series.step[i], series.epoch[i], series.seconds[i]]
        rows.push([trace.run, key, quoted(trace.label), ...place, value === null ? 'nan' : value])
      })
    const column = trace.series.split('/').slice(1).join('/')
    const kind = smooth ? 'smooth' : std ? 'mean' : ''
    written(kind ? `${kind}/${column}` : trace.series, y)
    if (std) written(`std/${column}`, std)
  }
  const blob = new Blob([`${rows.map((row) => row.join(',')).join('\n')}\n`], { type: 'text/csv' })
  const url = URL.createObjectURL(blob)
  save(url, `${slug(options.title)}.csv`)
  setTimeout(() => URL.revokeObjectURL(url), 10000)
}

function quoted(text) {
  return `"${text.replace(/"/g, '""')}"`
}

function save(url, name) {
  const link = document.createElement('a')
  link.href = url
  link.download = name
  document.body.append(link)
  link.click()
  link.remove()
}

function slug(text) {
  return text.toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-|-$/g, '') || 'chart'
}
