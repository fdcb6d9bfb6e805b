// Small multiples in place: a row a measure, a column a layer, axes shared, hover linked.

import { keeper, make, style, theme as themeOf } from './dom.js'
import { hub } from './hub.js'
import { loadPlotly } from './plotly.js'
import { exportCsv, exportImage } from './chart_export.js'

const CSS = `
.pp-multiples { width: 100%; position: relative; font-family: var(--st-font); color: var(--st-text-color);
  display: flex; flex-direction: column; }
.pp-multiples .pp-key { display: flex; flex-wrap: wrap; gap: 2px 20px; align-items: center; font-size: 14px;
  min-height: 30px; }
.pp-multiples.pp-lecture .pp-key { font-size: 18px; }
.pp-multiples .pp-key svg { margin-right: 7px; vertical-align: middle; }
.pp-multiples .pp-key button { font: inherit; font-size: 13px; color: inherit; background: transparent;
  border: 1px solid var(--st-border-color); border-radius: 5px; padding: 2px 9px; cursor: pointer; margin: 0; }
.pp-multiples .pp-key button:first-of-type { margin-left: auto; }
.pp-multiples .pp-key button + button { margin-left: -12px; }
.pp-multiples .pp-grid { flex: 1; min-height: 0; overflow: hidden; }
.pp-multiples .pp-none { position: absolute; inset: 0; display: grid; place-items: center; color: var(--pp-muted); }
.pp-multiples .pp-none[hidden] { display: none; }
`
const STROKES = { solid: '', dash: '7 4', dot: '2 3', longdash: '11 4' }

class Multiples {
  constructor(parent) {
    style('multiples', CSS)
    parent.querySelectorAll(':scope > .pp-multiples').forEach((old) => old.remove())
    this.key = make('div', { class: 'pp-key' })
    this.gd = make('div', { class: 'pp-grid' })
    this.none = make('div', { class: 'pp-none', role: 'status' })
    this.root = make('div', { class: 'pp-multiples' }, this.key, this.gd, this.none)
    parent.append(this.root)
    this.resizing = new ResizeObserver(() => this.later())
    this.resizing.observe(this.root)
  }

  update({ data, parentElement }) {
    this.theme = themeOf(parentElement)
    this.data = data
    this.root.style.height = `${data.height}px`
    this.root.style.setProperty('--pp-muted', this.theme.muted)
    this.root.classList.toggle('pp-lecture', data.lecture)
    this.none.textContent = data.empty
    this.lines = data.panels.flatMap((panel) => panel.traces.map((trace) => ({ panel, trace })))
    this.names()
    const runs = [...new Set(this.lines.map(({ trace }) => trace.run))]
    if (runs.join() !== this.runs) {
      this.runs = runs.join()
      this.leave?.()
      this.leave = hub.subscribe(runs, ['layers'], () => this.later())
    }
    loadPlotly(data.plotly).then(() => this.later(), (error) => (this.none.textContent = error.message))
  }

  names() {
    // A run of explicit steps has no implicit overshoot: only what is drawn is named.
    const drawn = this.lines.filter(({ trace }) => hub.series(trace.run, trace.series)?.y.some((value) => value !== null))
    const seen = new Map((drawn.length ? drawn : this.lines).map(({ trace }) => [trace.label, trace]))
    const told = [...seen.keys(), this.theme.dark].join('\n')
    if (told === this.told) return
    this.told = told
    const entries = [...seen.values()].map((trace) => {
      const entry = make('span', {}, trace.label)
      const stroke = this.shade(trace.color)
      const dash = STROKES[trace.dash] ? ` stroke-dasharray="${STROKES[trace.dash]}"` : ''
      entry.insertAdjacentHTML('afterbegin',
        `<svg width="26" height="8" aria-hidden="true"><line x1="0" x2="26" y1="4" y2="4" stroke="${stroke}" stroke-width="2.5"${dash}/></svg>`)
      return entry
    })
    const save = (format) => make('button', { type: 'button', 'data-export': format, onclick: () => this.save(format) }, format.toUpperCase())
    this.key.replaceChildren(...entries, save('svg'), save('png'), save('csv'))
  }

  shade(color) {
    return (this.theme.dark && this.data.darkLines[color]) || color
  }

  save(format) {
    const options = { title: 'Layers along the run' }
    const lines = this.lines.map(({ trace, panel }) => ({
      trace: { ...trace, label: `${trace.label}, ${panel.layer}` }, series: hub.series(trace.run, trace.series),
    }))
    if (format === 'csv') exportCsv({ lines, options })
    else exportImage(format, { figure: this.figure, lines, options })
  }

  later() {
    this.waiting ??= requestAnimationFrame(() => {
      this.waiting = null
      this.draw()
    })
  }

  draw() {
    if (!window.Plotly || !this.gd.clientWidth || this.dragging) return
    this.names()
    this.figure = this.build()
    this.none.hidden = this.figure.data.some((trace) => trace.x.length)
    window.Plotly.react(this.gd, this.figure.data, this.figure.layout, { displayModeBar: false, responsive: false })
    this.listen()
  }

  build() {
    const { theme, data } = this
    const font = data.lecture ? 18 : 13
    const axis = {
      gridcolor: theme.grid, zeroline: false, tickfont: { size: font - 1, color: theme.muted }, nticks: 5,
      exponentformat: 'power', title: { font: { size: font, color: theme.text }, standoff: 6 },
    }
    const layout = {
      width: this.gd.clientWidth, height: this.gd.clientHeight, showlegend: false, uirevision: this.runs,
      margin: { l: font * 5, r: 12, t: font * 2, b: font * 3.2 }, hovermode: 'x', hoverdistance: 60,
      paper_bgcolor: theme.background, plot_bgcolor: theme.background,
      font: { family: theme.font, size: font, color: theme.text }, annotations: [], shapes: [],
      hoverlabel: { bgcolor: theme.background, bordercolor: theme.grid, font: { family: theme.font, size: font, color: theme.text } },
    }
    const [columns, rows] = [data.layers.length, data.rows.length]
    const [gapX, gapY] = [Math.min(0.03, 0.2 / columns), 0.09 / Math.max(1, rows - 1)]
    data.rows.forEach((row, r) => data.layers.forEach((layer, c) => {
      const id = r * columns + c ? String(r * columns + c + 1) : ''
      const width = (1 - gapX * (columns - 1)) / columns
      const height = (1 - gapY * (rows - 1)) / rows
      const left = c * (width + gapX)
      const top = 1 - r * (height + gapY)
      const last = r === rows - 1
      layout[`xaxis${id}`] = {
        ...axis, domain: [left, left + width], anchor: `y${id}`, ...(id ? { matches: 'x' } : {}),
        showticklabels: last, title: { ...axis.title, text: last ? 'step' : '' },
      }
      layout[`yaxis${id}`] = {
        ...axis, domain: [Math.max(0, top - height), top], anchor: `x${id}`, type: row.log ? 'log' : 'linear',
        showticklabels: c === 0, title: { ...axis.title, text: c === 0 ? row.title : '' },
        ...(c ? { matches: `y${r * columns ? r * columns + 1 : ''}` } : {}), ...(row.log ? { dtick: 1 } : {}),
      }
      if (r === 0) layout.annotations.push({
        text: layer, x: left + width / 2, xref: 'paper', y: 1, yref: 'paper', yanchor: 'bottom', showarrow: false,
        font: { size: font + 1, color: theme.text },
      })
      if (row.title === 'share left over') layout.shapes.push({
        type: 'line', xref: `x${id} domain`, yref: `y${id}`, x0: 0, x1: 1, y0: 1, y1: 1,
        line: { color: theme.line, width: 1, dash: 'dot' }, layer: 'below',
      })
    }))
    this.range(layout, columns)
    this.blanks(layout, columns)
    return { data: this.lines.map(({ panel, trace }) => this.scatter(panel, trace)), layout }
  }

  /** Say why a panel stays empty where the others of its row do not. */
  blanks(layout, columns) {
    const filled = new Set(this.lines.filter(({ trace }) => hub.series(trace.run, trace.series)?.y.some((value) => value !== null))
      .map(({ panel }) => panel.row * columns + this.data.layers.indexOf(panel.layer)))
    for (let at = 0; at < columns * this.data.rows.length; at += 1) {
      const row = Math.floor(at / columns)
      const others = [...filled].some((one) => Math.floor(one / columns) === row)
      if (filled.has(at) || !others) continue
      const id = at ? String(at + 1) : ''
      layout.annotations.push({
        text: 'explicit layer: none', x: 0.5, xref: `x${id} domain`, y: 0.5, yref: `y${id} domain`, showarrow: false,
        font: { color: this.theme.muted },
      })
    }
  }

  /** A log axis over less than two decades gets ticks at 2 and 5 as well. */
  range(layout, columns) {
    this.data.rows.forEach((row, r) => {
      if (!row.log) return
      const values = this.lines.filter(({ panel }) => panel.row === r)
        .flatMap(({ trace }) => hub.series(trace.run, trace.series)?.y ?? []).filter((value) => value > 0)
      const span = values.length ? Math.log10(Math.max(...values) / Math.min(...values)) : 0
      const dtick = span < 1.7 ? 'D2' : Math.max(1, Math.round(span / 4))
      for (let c = 0; c < columns; c += 1) layout[`yaxis${r * columns + c ? r * columns + c + 1 : ''}`].dtick = dtick
    })
  }

  scatter(panel, trace) {
    const series = hub.series(trace.run, trace.series)
    const at = panel.row * this.data.layers.length + this.data.layers.indexOf(panel.layer)
    const id = at ? String(at + 1) : ''
    return {
      type: 'scatter', mode: 'lines', name: trace.label, x: series?.step ?? [], y: series?.y ?? [],
      xaxis: `x${id}`, yaxis: `y${id}`, connectgaps: false,
      line: { color: this.shade(trace.color), dash: trace.dash, width: trace.width * (this.data.lecture ? 1.6 : 1) },
      hovertemplate: '%{y:.3~g}<extra></extra>',
    }
  }

  listen() {
    if (this.listening) return
    this.listening = true
    this.gd.on('plotly_hover', (event) => this.link(event))
    this.gd.on('plotly_doubleclick', () => this.later())
    this.gd.addEventListener('pointerdown', () => (this.dragging = true), true)
    this.release = () => {
      if (!this.dragging) return
      this.dragging = false
      setTimeout(() => this.later(), 50)
    }
    window.addEventListener('pointerup', this.release, true)
    window.addEventListener('pointercancel', this.release, true)
  }

  /** Show every panel's value at the step under the pointer. */
  link(event) {
    if (this.linking) return
    this.linking = true
    const x = event.points[0].x
    const points = this.figure.data.map((trace, curveNumber) => ({ curveNumber, pointNumber: nearest(trace.x, x) }))
      .filter(({ curveNumber, pointNumber }) => pointNumber >= 0 && this.figure.data[curveNumber].y[pointNumber] !== null)
    const subplots = this.figure.data.map((trace) => trace.xaxis + trace.yaxis)
    window.Plotly.Fx.hover(this.gd, points, [...new Set(subplots)])
    this.linking = false
  }

  destroy() {
    this.leave?.()
    this.resizing.disconnect()
    window.removeEventListener('pointerup', this.release, true)
    window.removeEventListener('pointercancel', this.release, true)
    window.Plotly?.purge(this.gd)
    this.root.remove()
  }
}

/** Index of the value nearest to `x` in an ascending list. */
function nearest(values, x) {
  let [low, high] = [0, values.length - 1]
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if (values[middle] <= x) low = middle
    else high = middle
  }
  return high >= 0 && Math.abs(values[high] - x) < Math.abs(values[low] - x) ? high : low <= high ? low : -1
}

export const mount = keeper(Multiples)
