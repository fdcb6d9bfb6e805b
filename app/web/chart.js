// The one renderer of figures: recorded ones as they are, live ones growing in place.

import { buildBar, pressBar } from './chart_bar.js'
import { choiceOf, linked, obey, remember } from './chart_choice.js'
import { enlarged, figureOf, namesAtEnds, pictureOf, waiting } from './chart_figure.js'
import { columnsOf, nearest, zoomed } from './chart_frames.js'
import { linesOf, lookedAt, rowsOf } from './chart_lines.js'
import { drawNames, namedOf, placeNames } from './chart_names.js'
import { Target } from './chart_target.js'
import { make, stylesheet, write } from './dom.js'
import { hub } from './hub.js'
import { loadPlotly } from './plotly.js'
import { download, table } from './save.js'
import { View, keeper } from './view.js'

await stylesheet(import.meta.url)

const STACKED = 270 // pixels of a panel where panels stand one above the other
const ROOM = { font: 25.5, grow: 1.5 } // pixels of type for the last row; marks are a little smaller
const FILE = { width: 960, height: 560, panel: 420 } // pixels of a saved picture
const CONFIG = { displayModeBar: false, doubleClick: false, responsive: false, scrollZoom: false }
const SENT = 20 // choices sent to the page that it may still repeat

const charts = new Set() // all on the page: one may lead the horizontal axis of others

class Chart extends View {
  constructor(parent) {
    super(parent, 'chart')
    this.bar = make('div', { class: 'pp-bar' })
    this.legend = make('div', { class: 'pp-legend', hidden: true })
    this.gd = make('div', { class: 'pp-plot' })
    this.ends = make('div', { class: 'pp-ends' })
    this.empty = make('div', { class: 'pp-empty', role: 'status' })
    this.box = make('div', { class: 'pp-frame' }, this.gd, this.ends, this.empty)
    this.target = new Target(this.box, (value, done) => this.aim(value, done))
    this.root.append(this.bar, this.box)
    this.inSight = true
    this.seen = new IntersectionObserver(([entry]) => {
      this.inSight = entry.isIntersecting
      if (this.inSight && this.due) this.later()
    })
    this.seen.observe(this.root)
    // What is above may grow or shrink after the last drawing.
    this.moving = new ResizeObserver(() => this.left !== undefined && Math.abs(this.room() - this.left) > 1 && this.later())
    this.moving.observe(parent.closest('.stMainBlockContainer') ?? parent)
    charts.add(this)
  }

  update(data) {
    const text = JSON.stringify(data)
    if (text !== this.text) {
      this.text = text
      this.choice = choiceOf(data)
      obey(this.choice, data)
      this.choice.x = [...charts].find((chart) => chart.data?.key === data.follows)?.choice?.x ?? this.choice.x
      this.prepare()
    }
    this.root.style.height ||= this.high(1) // its word stands there before the library has come
    loadPlotly(data.plotly).then(() => this.later(), (error) => (this.empty.textContent = error.message))
  }

  /** Take what the page gave, as it is for the quantity that is looked at; follow its runs. */
  prepare() {
    const { choice, data, root } = this
    this.looked = lookedAt(data, choice)
    const { data: traces, layout } = this.looked.figure
    const buttons = buildBar(this.looked, {
      choose: (change, axis) => this.choose(change, axis),
      look: (series) => this.look(series),
      save: (format) => this.save(format),
    })
    this.bar.replaceChildren(...buttons, this.legend)
    root.classList.toggle('pp-bare', !data.headed)
    root.classList.toggle('pp-floating', layout.meta.names === 'along')
    const bound = traces.map(({ meta }) => meta).filter((meta) => meta?.run)
    const runs = [...new Set(bound.map(({ run }) => run))]
    this.runs = runs
    const loading = runs.length > 0 && !window.Plotly
    const drawn = traces.some(({ x, meta }) => x?.length && !meta?.run) // it comes with its numbers
    const words = drawn ? '' : waiting(runs.map((run) => hub.run(run).status), data.empty)
    write(this.empty, loading ? 'Loading' : words)
    if (this.follow(runs, [...new Set(bound.map(({ series }) => series.split('/').slice(1, -1).join('/')))])) {
      // A part of one run says nothing about the next.
      if (choice.runs !== runs.join()) Object.assign(choice, { ranges: {}, runs: runs.join() })
      this.drawn = null
    }
  }

  /** Look at another quantity of the same runs. */
  look(series) {
    const { choice, data } = this
    const quantity = data.quantities.find((offered) => offered.series === series)
    Object.assign(choice, { quantity: series, log: choice.logs[series] ?? quantity.log })
    this.prepare()
    this.choose({}, 'y')
  }

  /** Take a change of the choice, or the name of what is switched; zoom along `axis` is given up. */
  choose(change, axis) {
    const { choice, data } = this
    Object.assign(choice, typeof change === 'string' ? { [change]: !choice[change] } : change)
    if (change === 'log') choice.logs[choice.quantity ?? ''] = choice.log
    const kept = Object.entries(choice.ranges).filter(([name]) => !axis || !name.startsWith(axis))
    choice.ranges = Object.fromEntries(kept)
    remember(data, choice)
    this.drawn = null
    this.draw()
    if (change.x) charts.forEach((chart) => chart.data?.follows === data.key && chart.choose({ x: change.x }, 'x'))
    const now = JSON.stringify(linked(choice))
    if (data.owned && now !== choice.sent.at(-1)) {
      choice.sent = [...choice.sent, now].slice(-SENT)
      this.component.setTriggerValue('looked', linked(choice))
    }
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

  /** Drawing sets the height, which is reported once more. */
  resized() {
    const { width, height } = this.drawn?.layout ?? {}
    if (width !== this.box.clientWidth || height !== this.box.clientHeight) this.later()
  }

  later() {
    this.due = true
    if (this.inSight) super.later()
  }

  draw() {
    if (!window.Plotly || this.dragging) return
    this.due = false
    // What its runs have recorded is on its way: one drawing will do.
    if (this.runs.length && this.runs.every((run) => !hub.run(run).status)) return
    const { box, choice, data, gd, looked } = this
    const { meta: hints, font: { size: given } } = looked.figure.layout
    const screen = this.fit(data.lecture ? ROOM.grow : hints.grow ?? 1)
    const fit = screen * (data.lecture ? ROOM.font / given : 1)
    this.shown = { ...looked, figure: enlarged(looked.figure, fit) }
    const { meta, font } = this.shown.figure.layout
    const stacked = columnsOf(meta, this.root.clientWidth) < (meta.columns ?? 1)
    this.root.style.height = stacked ? `${STACKED * meta.columns}px` : this.high(screen)
    this.root.style.setProperty('--pp-size', `${font.size - 0.5}px`)
    this.lines = linesOf(this.shown, hub, choice)
    const named = namedOf(this.lines)
    const atEnds = this.name(named, meta, font) // a legend takes its height before the figure does
    this.drawn = figureOf(this.shown, this.about({ width: box.clientWidth, height: box.clientHeight }))
    window.Plotly.react(gd, this.drawn.data, this.drawn.layout, CONFIG)
    if (atEnds) placeNames(this.ends, named, this.drawn.panels.at(-1), font.size * 1.45)
    const some = this.lines.some(({ y }) => y.length)
    const { target, quantity } = this.shown
    this.target.place(some && target ? { ...quantity, value: target, panel: this.drawn.panels[0] } : null)
    this.empty.hidden = some
    write(this.empty, waiting(this.runs.map((run) => hub.run(run).status), data.empty))
    this.listenToPlot()
    pressBar(this.bar, choice)
    this.root.dataset.drawn = data.subject ?? data.key
  }

  about(size) {
    const { choice, lines, theme, drawn } = this
    return { lines, hub, choice, theme, before: drawn?.ranges, ...size }
  }

  /** Name the lines; says whether at their ends. */
  name(named, meta, font) {
    const atEnds = namesAtEnds(meta, named, this.box.clientWidth)
    const shown = meta.names === 'along' ? [] : named
    const about = { font: font.size, theme: this.theme, toggle: (owner) => this.toggle(owner) }
    drawNames(this.ends, atEnds ? shown : [], about)
    drawNames(this.legend, atEnds ? [] : shown, about)
    this.legend.hidden = atEnds || !shown.length
    return atEnds
  }

  /** The height as CSS: what the page asks for, or what the window leaves. */
  high(screen) {
    const { height, fill, below, widest, lecture } = this.data
    if (below) this.left = this.room()
    const rest = below ? `${this.left - below * screen}px` : `100vh - ${fill}px`
    if (fill || below) return `max(${height}px, min(${rest}, ${widest}))`
    return `${height * (lecture ? screen : 1)}px` // as its type
  }

  listenToPlot() {
    if (this.listening) return
    this.listening = true
    this.gd.on('plotly_relayout', (change) => {
      const ranges = zoomed(change, this.drawn.layout)
      if (Object.keys(ranges).length) this.choose({ ranges: { ...this.choice.ranges, ...ranges } })
    })
    this.gd.on('plotly_doubleclick', () => this.choose({ ranges: {} }))
    this.gd.on('plotly_click', ({ points: [{ data: { meta }, x }] }) =>
      this.data.picks && this.component.setTriggerValue('picked', { run: meta.run, step: x }))
    this.gd.on('plotly_hover', (event) => this.drawn.layout.meta.linked && this.link(event.points[0].x))
    // An update in the middle of a drag would end it.
    this.listen(this.gd, 'pointerdown', () => (this.dragging = true), { capture: true })
    for (const name of ['pointerup', 'pointercancel']) {
      this.listen(window, name, () => this.release(), { capture: true })
    }
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
    const { data, panels } = this.drawn
    const points = data.map((trace, curveNumber) => ({ curveNumber, pointNumber: nearest(trace.x, x) }))
      .filter(({ curveNumber, pointNumber }) => (data[curveNumber].y[pointNumber] ?? null) !== null)
    window.Plotly.Fx.hover(this.gd, points, panels.map((panel) => panel.x + panel.y))
    this.linking = false
  }

  async save(format) {
    const { title, file, figure: { layout: { meta } } } = this.shown
    const slug = title.toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-|-$/g, '') || 'chart'
    const name = `${file || slug}.${format}`
    if (format === 'csv') return download(name, table(rowsOf(this.lines)))
    const width = Math.max(FILE.width, FILE.panel * (meta.columns ?? 1))
    const picture = pictureOf(this.shown, this.about({ width, height: Math.max(FILE.height, this.gd.clientHeight) }))
    const { height } = picture.layout
    const scale = format === 'png' ? 2 : 1
    return download(name, await window.Plotly.toImage(picture, { format, width, height, scale }))
  }

  destroy() {
    super.destroy()
    charts.delete(this)
    this.seen.disconnect()
    this.moving.disconnect()
    window.Plotly?.purge(this.gd)
  }
}

export const mount = keeper(Chart)
