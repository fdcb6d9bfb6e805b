// Recorded curves: panels side by side with one legend, drawn from numbers that came with the page.

import { measures } from './chart_figure.js'
import { CHART_CSS } from './chart_style.js'
import { keeper, make, style, theme as themeOf } from './dom.js'
import { columnsOf, namesAtEnds, panelsFigure } from './panels_figure.js'
import { loadPlotly } from './plotly.js'

const CSS = `
.pp-panels { width: 100%; --pp-size: 13px; font-family: var(--st-font); color: var(--st-text-color); }
.pp-panels.pp-lecture { --pp-size: 18px; }
.pp-panels .pp-bar { min-height: 30px; padding-bottom: 0; }
.pp-panels .pp-bar { flex-wrap: nowrap; align-items: flex-start; }
.pp-panels .pp-legend { flex: 1 1 0; min-width: 0; padding-top: 4px; }
.pp-panels .pp-bar .pp-label, .pp-panels .pp-bar .pp-label[aria-pressed=true] { border: 0; padding: 0; background: none;
  color: var(--st-text-color); font-weight: 500; }
.pp-panels .pp-frame { overflow: hidden; }
@media (max-width: 720px) { .pp-panels .pp-bar { flex-wrap: wrap; } .pp-panels .pp-legend { flex-basis: 100%; } }
`
const DASHES = { dash: '7 4', dot: '2 3', longdash: '11 4', dashdot: '7 3 2 3', longdashdot: '11 3 2 3' }

class Panels {
  constructor(parent) {
    style('chart', CHART_CSS)
    style('panels', CSS)
    parent.querySelectorAll(':scope > .pp-panels').forEach((old) => old.remove())
    this.view = { hidden: new Set(), log: null }
    this.bar = make('div', { class: 'pp-bar' })
    this.gd = make('div', { class: 'pp-plot' })
    this.none = make('div', { class: 'pp-empty', role: 'status' })
    this.frame = make('div', { class: 'pp-frame' }, this.gd, this.none)
    this.root = make('div', { class: 'pp-panels' }, this.bar, this.frame)
    parent.append(this.root)
    this.resizing = new ResizeObserver(() => this.later())
    this.resizing.observe(this.root)
  }

  update({ data, parentElement }) {
    this.theme = themeOf(parentElement)
    if (this.wire?.shown !== data.shown) this.view = { hidden: new Set(), log: null }
    this.wire = data
    this.root.classList.toggle('pp-lecture', data.lecture)
    this.none.textContent = data.empty
    loadPlotly(data.plotly).then(() => this.later(), (error) => (this.none.textContent = error.message))
  }

  buildBar() {
    const button = (name, attributes, click) => make('button', { type: 'button', ...attributes, onclick: click }, name)
    const legend = make('div', { class: 'pp-legend' }, ...this.wire.lines.map((line) => this.name(line)))
    const choice = this.wire.panels.filter(({ log }) => log !== null)
    const log = this.view.log ?? choice[0]?.log
    const scale = button('log', { 'data-log': '', title: 'Logarithmic loss axes', 'aria-pressed': String(Boolean(log)) }, () => {
      this.view.log = !log
      this.draw()
    })
    const formats = ['svg', 'png', 'csv'].map((format) =>
      button(format.toUpperCase(), { 'data-export': format }, () => this.save(format)))
    this.bar.replaceChildren(...[
      legend,
      choice.length > 0 && make('div', { role: 'group', 'aria-label': 'Vertical scale' }, scale),
      make('div', { role: 'group', 'aria-label': 'Save what is drawn' }, ...formats),
    ].filter(Boolean))
  }

  name(line) {
    const color = (this.theme.dark && this.wire.darkLines[line.color]) || line.color
    const { line: thick, swatch } = measures(this.wire.lecture)
    const dash = DASHES[line.dash] ? ` stroke-dasharray="${DASHES[line.dash]}"` : ''
    const sample = make('span', { class: 'pp-swatch', 'aria-hidden': 'true' })
    sample.innerHTML = `<svg width="${swatch}" height="10"><line x1="0" x2="${swatch}" y1="5" y2="5" ` +
      `stroke="${color.replace(/[^#\w]/g, '')}" stroke-width="${3 * thick}"${dash}/></svg>`
    const note = line.seeds.length ? ` (N = ${line.seeds.length})` : ''
    return make('button', {
      type: 'button', class: 'pp-label', title: `Hide or show “${line.label}”`,
      'aria-pressed': String(!this.view.hidden.has(line.label)),
      onclick: () => this.toggle(line.label),
    }, sample, make('span', {}, `${line.label}${note}`))
  }

  toggle(label) {
    if (!this.view.hidden.delete(label)) this.view.hidden.add(label)
    this.draw()
  }

  later() {
    this.waiting ??= requestAnimationFrame(() => {
      this.waiting = null
      this.draw()
    })
  }

  draw() {
    const width = this.root.clientWidth
    if (!window.Plotly || !width || !this.wire) return
    const { height, fill, panels } = this.wire
    const stacked = columnsOf(panels, width) < panels.length
    this.frame.style.height = stacked ? `${panels.length * 270}px` : `max(${height}px, min(calc(100vh - ${fill}px), 42vw))`
    this.root.style.setProperty('--pp-muted', this.theme.muted)
    this.buildBar()
    const some = this.wire.lines.length > 0
    this.none.hidden = some
    this.gd.hidden = !some
    if (!some) return
    this.figure = panelsFigure({ wire: this.wire, view: this.view, theme: this.theme, width, height: this.frame.clientHeight })
    window.Plotly.react(this.gd, this.figure.data, this.figure.layout, { displayModeBar: false, responsive: false, doubleClick: 'reset' })
    this.root.dataset.drawn = this.wire.shown
  }

  async save(format) {
    if (format === 'csv') return this.saveCsv()
    const [width, height] = [Math.max(840, 420 * this.wire.panels.length + 60), 480]
    const theme = { ...this.theme }
    const figure = panelsFigure({ wire: this.wire, view: this.view, theme, width, height })
    // The picture stands alone: it carries its title and its legend.
    const atEnds = namesAtEnds(this.wire, width)
    const named = new Set()
    const data = figure.data.map((trace) => {
      const first = trace.meta && trace.line?.width > 1.5 && trace.visible && !named.has(trace.name)
      if (first) named.add(trace.name)
      return { ...trace, showlegend: Boolean(first) }
    })
    const layout = {
      ...figure.layout, height: height + 90, showlegend: !atEnds, margin: { l: 0, r: 0, t: 46, b: 44 },
      title: { text: this.wire.title, x: 0.02, xanchor: 'left', y: 0.97, font: { size: 19 } },
      legend: { orientation: 'h', x: 0.02, y: -0.01, yanchor: 'top' },
    }
    const scale = format === 'png' ? 2 : 1
    const url = await window.Plotly.toImage({ data, layout }, { format, width, height: height + 90, scale })
    keep(url, `${this.wire.file}.${format}`)
  }

  saveCsv() {
    const rows = [['figure', 'contender', 'seed', 'x', 'y', 'x_value', 'y_value']]
    for (const trace of this.figure.data) {
      if (!trace.meta || !trace.visible) continue
      const { label, seed, x, y } = trace.meta
      const panel = this.wire.panels.find((one) => one.x === x && one.y === y)
      trace.x.forEach((value, i) => rows.push([quoted(panel.title), quoted(label), seed, x, y, value, trace.y[i]]))
    }
    const text = `${rows.map((row) => row.join(',')).join('\n')}\n`
    const url = URL.createObjectURL(new Blob([text], { type: 'text/csv' }))
    keep(url, `${this.wire.file}.csv`)
    setTimeout(() => URL.revokeObjectURL(url), 10000)
  }

  destroy() {
    this.resizing.disconnect()
    window.Plotly?.purge(this.gd)
    this.root.remove()
  }
}

function quoted(text) {
  return `"${text.replace(/"/g, '""')}"`
}

function keep(url, name) {
  const link = make('a', { href: url, download: name })
  document.body.append(link)
  link.click()
  link.remove()
}

export const mount = keeper(Panels)
