// The one renderer of figures: recorded ones as they are, live ones growing in place.

import { buildBar, pressBar } from './chart_bar.js'
import { choiceOf, linked, obey, remember } from './chart_choice.js'
import { enlarged, figureOf, namesAtEnds } from './chart_figure.js'
import { columnsOf, leaderOf } from './chart_frames.js'
import { linesOf, lookedAt } from './chart_lines.js'
import { drawNames, placeNames } from './chart_names.js'
import { Target } from './chart_target.js'
import { make, stylesheet } from './dom.js'
import { hub } from './hub.js'
import { loadPlotly } from './plotly.js'
import { download, table } from './save.js'
import { View, keeper } from './view.js'

await stylesheet(import.meta.url)

const STACKED = 270 // pixels of a panel where panels stand one above the other
const FILE = { width: 960, height: 560, panel: 420 } // pixels of a saved picture
const CONFIG = { displayModeBar: false, doubleClick: false, responsive: false, scrollZoom: false }

class Chart extends View {
  constructor(parent) {
    super(parent, 'chart')
    this.bar = make('div', { class: 'pp-bar' })
    this.legend = make('div', { class: 'pp-legend', hidden: true })
    this.gd = make('div', { class: 'pp-plot' })
    this.ends = make('div', { class: 'pp-ends' })
    this.empty = make('div', { class: 'pp-empty', role: 'status' })
    this.frameBox = make('div', { class: 'pp-frame' }, this.gd, this.ends, this.empty)
    this.target = new Target(this.frameBox, (value, done) => this.aim(value, done))
    this.root.append(this.bar, this.frameBox)
    this.inSight = true
    this.seen = new IntersectionObserver(([entry]) => {
      this.inSight = entry.isIntersecting
      if (this.inSight && this.due) this.later()
    })
    this.seen.observe(this.root)
  }

  update(data) {
    const text = JSON.stringify(data)
    if (text !== this.text) {
      this.text = text
      this.choice = choiceOf(data)
      obey(this.choice, data)
      this.empty.textContent = data.empty
      this.look(this.choice.quantity)
    }
    loadPlotly(data.plotly).then(() => this.later(), (error) => (this.empty.textContent = error.message))
  }

  /** Look at a quantity of the runs. */
  look(series, chosen = false) {
    const { choice, data } = this
    if (chosen) {
      const quantity = data.quantities.find((one) => one.series === series)
      Object.assign(choice, { quantity: series, ranges: this.without('y'), log: choice.logs[series] ?? quantity.log })
    }
    this.looked = lookedAt(data, choice)
    const buttons = buildBar(this.looked, {
      choose: (change, axis) => this.choose(change, axis),
      look: (quantity) => this.look(quantity, true),
      save: (format) => this.save(format),
    })
    this.bar.replaceChildren(...buttons, this.legend)
    this.root.classList.toggle('pp-bare', !data.headed)
    this.root.classList.toggle('pp-floating', this.looked.figure.layout.meta.names === 'along')
    const bound = this.looked.figure.data.map(({ meta }) => meta).filter((meta) => meta?.series)
    const runs = [...new Set(bound.map(({ run }) => run))]
    if (this.follow(runs, [...new Set(bound.map((meta) => meta.series.split('/')[1]))])) {
      // A part of one run says nothing about the next.
      if (choice.runs !== runs.join()) Object.assign(choice, { ranges: {}, runs: runs.join() })
      this.ranges = null
    }
    if (chosen) this.choose({})
  }

  /** Take a change of the choice, or the name of what is switched; zoom along `axis` is given up. */
  choose(change, axis) {
    const { choice, data } = this
    Object.assign(choice, typeof change === 'string' ? { [change]: !choice[change] } : change)
    if (change === 'log') choice.logs[choice.quantity ?? ''] = choice.log
    if (axis) choice.ranges = this.without(axis)
    remember(data, choice)
    this.ranges = null
    this.draw()
    const now = JSON.stringify(linked(choice))
    if (data.owned && now !== choice.sent.at(-1)) {
      choice.sent = [...choice.sent, now].slice(-20)
      this.component.setTriggerValue('looked', linked(choice))
    }
  }

  without(axis) {
    return Object.fromEntries(Object.entries(this.choice.ranges).filter(([name]) => !name.startsWith(axis)))
  }

  /** Move the target; send it to the page once it is let go. */
  aim(value, done) {
    const { quantity } = this.looked
    this.choice.targets[quantity.series] = value
    this.looked.target = value
    if (!done) this.later()
    else if (this.data.owned) this.component.setTriggerValue('aimed', { quantity: quantity.series, value })
  }

  toggle(owner) {
    if (!this.choice.hidden.delete(owner)) this.choice.hidden.add(owner)
    this.choose({})
  }

  later() {
    this.due = true
    if (this.inSight) super.later()
  }

  draw() {
    if (!window.Plotly || this.dragging) return
    this.due = false
    const { data, choice, theme, frameBox, gd, ends, legend } = this
    const fit = this.fit(this.looked.figure.layout.meta.grow ?? 1)
    this.figure = { ...this.looked, figure: enlarged(this.looked.figure, fit) }
    const { layout: { meta, font } } = this.figure.figure
    const stacked = columnsOf(meta, this.root.clientWidth) < (meta.columns ?? 1)
    this.root.style.height = stacked ? `${STACKED * meta.columns}px` : this.height(fit)
    this.root.style.setProperty('--pp-size', `${font.size - 0.5}px`)
    this.lines = linesOf(this.figure, hub, choice)
    const make = (size) => figureOf(this.figure, { lines: this.lines, hub, choice, theme, before: this.ranges, ...size })
    const size = () => ({ width: frameBox.clientWidth, height: frameBox.clientHeight })
    let drawn = make(size())
    const atEnds = namesAtEnds(meta, drawn.named, frameBox.clientWidth)
    const shown = meta.names === 'along' ? [] : drawn.named
    const names = { font: font.size, theme, toggle: (owner) => this.toggle(owner) }
    drawNames(ends, atEnds ? shown : [], names)
    drawNames(legend, atEnds ? [] : shown, names)
    legend.hidden = atEnds || !shown.length // it takes its height before the figure does
    drawn = make(size())
    window.Plotly.react(gd, drawn.data, drawn.layout, CONFIG)
    if (atEnds) placeNames(ends, shown, drawn.panels.at(-1), font.size * 1.45)
    this.ranges = drawn.ranges
    this.panels = drawn.panels
    const some = this.lines.some(({ y }) => y.length)
    this.target.place(some && this.figure.target ? { value: this.figure.target, panel: drawn.panels[0], ...this.figure.quantity } : null)
    this.empty.hidden = some
    this.listenToPlot()
    pressBar(this.bar, choice)
    this.root.dataset.drawn = data.subject ?? data.key
  }

  height(fit) {
    const { height, fill, below, widest } = this.data
    const rest = below ? `${this.room() - below * fit}px` : `100vh - ${fill}px`
    return fill || below ? `max(${height}px, min(${rest}, ${widest}))` : `${height}px`
  }

  listenToPlot() {
    if (this.listening) return
    this.listening = true
    this.gd.on('plotly_relayout', (change) => {
      const ranges = zoomed(change, this.figure.figure.layout)
      if (Object.keys(ranges).length) this.choose({ ranges: { ...this.choice.ranges, ...ranges } })
    })
    this.gd.on('plotly_doubleclick', () => this.choose({ ranges: {} }))
    this.gd.on('plotly_hover', (event) => this.figure.figure.layout.meta.linked && this.link(event.points[0].x))
    // An update in the middle of a drag would end it.
    this.listen(this.gd, 'pointerdown', () => (this.dragging = true), { capture: true })
    for (const name of ['pointerup', 'pointercancel']) this.listen(window, name, () => this.release(), { capture: true })
  }

  release() {
    if (!this.dragging) return
    this.dragging = false
    setTimeout(() => this.later(), 50)
  }

  /** Show every panel's value at the step under the pointer. */
  link(x) {
    if (this.linking) return
    this.linking = true
    const { data } = this.gd
    const points = data.map((trace, curveNumber) => ({ curveNumber, pointNumber: nearest(trace.x, x) }))
      .filter(({ curveNumber, pointNumber }) => (data[curveNumber].y[pointNumber] ?? null) !== null)
    window.Plotly.Fx.hover(this.gd, points, this.panels.map((panel) => panel.x + panel.y))
    this.linking = false
  }

  async save(format) {
    const { title, file } = this.figure
    const name = `${file || title.toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-|-$/g, '') || 'chart'}.${format}`
    if (format === 'csv') return download(name, table(rowsOf(this.lines)))
    const columns = this.figure.figure.layout.meta.columns ?? 1
    const size = { width: Math.max(FILE.width, FILE.panel * columns), height: Math.max(FILE.height, this.gd.clientHeight) }
    const picture = pictureOf(figureOf(this.figure, { lines: this.lines, hub, choice: this.choice, theme: this.theme, before: this.ranges, ...size }), title)
    return download(name, await window.Plotly.toImage(picture, { format, ...size, height: picture.layout.height, scale: format === 'png' ? 2 : 1 }))
  }

  destroy() {
    super.destroy()
    this.seen.disconnect()
    window.Plotly?.purge(this.gd)
  }
}

/** The zoom in a report of Plotly's: {xaxis: [low, high], …}, axes that share a range once. */
export function zoomed(change, layout) {
  const found = {}
  for (const [key, value] of Object.entries(change)) {
    const [, axis, end] = key.match(/^([xy]axis\d*)\.range(?:\[([01])\])?$/) ?? []
    if (!axis) continue
    const range = (found[leaderOf(layout, axis)] ??= [])
    if (end) range[end] = Number(value)
    else range.push(...value.map(Number))
  }
  return found
}

/** Index of the value nearest to `x` in an ascending list; −1 if it is empty. */
export function nearest(values, x) {
  const after = values.findIndex((value) => value > x)
  if (after < 0) return values.length - 1
  return after > 0 && x - values[after - 1] <= values[after] - x ? after - 1 : after
}

/** What is drawn as a table: a row a point, whose it is before what it is. */
export function rowsOf(lines) {
  const told = lines.filter(({ hidden, about, columns }) => !hidden && about && columns)
  if (!told.length) return []
  const rows = told.flatMap(({ about, columns, std }) => {
    const write = (whose, table) => Object.values(table)[0].map((_, i) =>
      [...Object.values(whose), ...Object.values(table).map((values) => values[i] ?? 'nan')])
    const spread = std && about.series?.startsWith('mean/') && write({ ...about, series: about.series.replace('mean', 'std') }, { ...columns, value: std })
    return [...write(about, columns), ...(spread || [])]
  })
  return [[...Object.keys(told[0].about), ...Object.keys(told[0].columns)], ...rows]
}

/** The figure with its title and a legend below: it stands alone. */
function pictureOf({ data, layout }, title) {
  const { margin, height } = layout
  return {
    data,
    layout: {
      ...layout, height: height + 90, showlegend: true,
      margin: { ...margin, r: 24, t: margin.t + 50, b: margin.b + 40 },
      title: { text: title, x: 0.02, xanchor: 'left', y: 0.97, yanchor: 'top', font: { size: 20 } },
      legend: { orientation: 'h', x: 0, xanchor: 'left', y: 0, yref: 'container', yanchor: 'bottom' },
    },
  }
}

export const mount = keeper(Chart)
