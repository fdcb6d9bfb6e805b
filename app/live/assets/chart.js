// A chart that grows in place. What a person chose (zoom, axis, scale, hidden lines) is the view;
// it survives updates, reruns, and where it makes sense a reload.

import { exportCsv, exportImage } from './chart_export.js'
import { figure, linesOf, rangesOf } from './chart_figure.js'
import { drawLabels } from './chart_labels.js'
import { CHART_CSS } from './chart_style.js'
import { keeper, make, style, theme as themeOf } from './dom.js'
import { hub } from './hub.js'
import { loadPlotly } from './plotly.js'

const AXES = ['step', 'epoch', 'seconds']
const views = (window.__proxpropViews ??= new Map())

class Chart {
  constructor(parent) {
    style('chart', CHART_CSS)
    parent.querySelectorAll(':scope > .pp-chart').forEach((old) => old.remove())
    this.parent = parent
    this.root = make('div', { class: 'pp-chart' })
    this.bar = make('div', { class: 'pp-bar' })
    this.legend = make('div', { class: 'pp-legend', hidden: true })
    this.gd = make('div', { class: 'pp-plot' })
    this.ends = make('div', { class: 'pp-ends' })
    this.empty = make('div', { class: 'pp-empty', role: 'status' })
    this.frame = make('div', { class: 'pp-frame' }, this.gd, this.ends, this.empty)
    this.root.append(this.bar, this.legend, this.frame)
    parent.append(this.root)
    this.resizing = new ResizeObserver(() => this.later())
    this.resizing.observe(this.frame)
    this.seen = new IntersectionObserver(([entry]) => {
      this.inSight = entry.isIntersecting
      if (this.inSight && this.due) this.later()
    })
    this.seen.observe(this.root)
    this.inSight = true
  }

  update({ data, parentElement }) {
    this.theme = themeOf(parentElement)
    const text = JSON.stringify(data)
    if (text !== this.text) {
      this.text = text
      this.options = data
      this.view = viewOf(data)
      this.root.style.height = `${data.height}px`
      this.root.classList.toggle('pp-lecture', data.lecture)
      this.empty.textContent = data.empty
      this.buildBar()
      this.follow()
    }
    loadPlotly(data.plotly).then(
      () => this.later(),
      (error) => (this.empty.textContent = error.message),
    )
  }

  follow() {
    const runs = [...new Set(this.options.traces.map((trace) => trace.run))]
    const tables = [...new Set(this.options.traces.map((trace) => trace.series.split('/')[1]))]
    const wanted = JSON.stringify([runs, tables])
    if (wanted === this.wanted) return
    this.wanted = wanted
    this.leave?.()
    // A part of one run says nothing about the next.
    if (this.view.runs !== runs.join()) Object.assign(this.view, { xRange: null, yRange: null, runs: runs.join() })
    this.ranges = null
    this.leave = runs.length ? hub.subscribe(runs, tables, () => this.later()) : null
  }

  buildBar() {
    const { options, view } = this
    const button = (name, attributes, click) =>
      make('button', { type: 'button', ...attributes, onclick: click }, name)
    const axes = AXES.map((name) =>
      button(name, { 'data-axis': name, 'aria-pressed': String(view.x === name) }, () =>
        this.choose({ x: name, xRange: null }),
      ),
    )
    const log = button('log', { 'data-log': '', title: 'Logarithmic vertical axis' }, () =>
      this.choose({ log: !this.view.log, yRange: null }),
    )
    this.reset = button('reset zoom', { 'data-reset': '', hidden: true }, () =>
      this.choose({ xRange: null, yRange: null }),
    )
    const menu = make(
      'details',
      { class: 'pp-export' },
      make('summary', { title: 'Save what is drawn' }, 'export'),
      make(
        'div',
        {},
        button('SVG', { 'data-export': 'svg' }, () => this.save('svg')),
        button('PNG', { 'data-export': 'png' }, () => this.save('png')),
        button('CSV', { 'data-export': 'csv' }, () => this.save('csv')),
      ),
    )
    menu.addEventListener('focusout', (event) => {
      if (!menu.contains(event.relatedTarget)) menu.open = false
    })
    this.bar.replaceChildren(
      make('h3', { class: 'pp-title' }, options.title),
      this.reset,
      ...[options.xSwitch && make('div', { role: 'group', 'aria-label': 'Horizontal axis' }, ...axes)].filter(Boolean),
      make('div', { role: 'group', 'aria-label': 'Vertical scale' }, log),
      menu,
    )
  }

  choose(change) {
    Object.assign(this.view, change)
    remember(this.options.key, this.view)
    this.ranges = null
    this.draw()
  }

  toggle(label) {
    if (!this.view.hidden.delete(label)) this.view.hidden.add(label)
    this.choose({})
  }

  save(format) {
    this.bar.querySelector('details').open = false
    const picture = { figure: this.figure, lines: this.lines, options: this.options }
    if (format === 'csv') exportCsv(picture)
    else exportImage(format, picture)
  }

  later() {
    this.due = true
    if (!this.inSight || this.waiting) return
    this.waiting = requestAnimationFrame(() => {
      this.waiting = 0
      this.draw()
    })
  }

  draw() {
    if (!window.Plotly || !this.frame.clientWidth || this.dragging) return
    this.due = false
    const { options, view, theme } = this
    this.root.style.setProperty('--pp-muted', theme.muted)
    this.root.style.setProperty('--pp-grid', theme.grid)
    this.lines = linesOf(options, hub, view, theme)
    const some = this.lines.some((line) => line.y.length)
    this.ranges = rangesOf(this.lines, view, this.ranges)
    const size = () => ({ width: this.frame.clientWidth, height: this.frame.clientHeight })
    const labels = () =>
      drawLabels({ ...this, ranges: this.ranges, width: size().width, toggle: (label) => this.toggle(label) })
    labels() // a legend takes its height first
    this.figure = figure({ options, lines: this.lines, ranges: this.ranges, view, theme, hub, ...size() })
    window.Plotly.react(this.gd, this.figure.data, this.figure.layout, {
      displayModeBar: false, doubleClick: false, responsive: false, scrollZoom: false,
    })
    labels()
    this.listen()
    this.empty.hidden = some
    this.reset.hidden = !(view.xRange || view.yRange)
    this.press()
  }

  press() {
    for (const button of this.bar.querySelectorAll('[data-axis]')) {
      button.setAttribute('aria-pressed', String(button.dataset.axis === this.view.x))
    }
    this.bar.querySelector('[data-log]').setAttribute('aria-pressed', String(this.view.log))
  }

  listen() {
    if (this.listening) return
    this.listening = true
    this.gd.on('plotly_relayout', (change) => {
      const range = (axis) => {
        const at = [change[`${axis}.range[0]`], change[`${axis}.range[1]`]]
        return at.every((value) => value !== undefined) ? at.map(Number) : change[`${axis}.range`]
      }
      const [xRange, yRange] = [range('xaxis'), range('yaxis')]
      if (xRange || yRange) {
        this.choose({ xRange: xRange ?? this.view.xRange, yRange: yRange ?? this.view.yRange })
      }
    })
    this.gd.on('plotly_doubleclick', () => this.choose({ xRange: null, yRange: null }))
    // An update in the middle of a drag would end it.
    this.gd.addEventListener('pointerdown', () => (this.dragging = true), true)
    this.release = () => {
      if (!this.dragging) return
      this.dragging = false
      setTimeout(() => this.later(), 50)
    }
    window.addEventListener('pointerup', this.release, true)
    window.addEventListener('pointercancel', this.release, true)
  }

  destroy() {
    this.leave?.()
    this.resizing.disconnect()
    this.seen.disconnect()
    window.removeEventListener('pointerup', this.release, true)
    window.removeEventListener('pointercancel', this.release, true)
    window.Plotly?.purge(this.gd)
    this.root.remove()
  }
}

/** The view of this chart: kept in the page; axis and scale also for a reload of this tab. */
function viewOf({ key, x, logY }) {
  if (!views.has(key)) {
    const view = { x, log: logY, xRange: null, yRange: null, hidden: new Set() }
    try {
      const kept = JSON.parse(sessionStorage.getItem(`proxprop-view-${key}`)) ?? {}
      if (AXES.includes(kept.x)) view.x = kept.x
      if (typeof kept.log === 'boolean') view.log = kept.log
      view.hidden = new Set(kept.hidden)
    } catch {
      // nothing kept, or storage is off: the page's own choice stands
    }
    views.set(key, view)
  }
  return views.get(key)
}

function remember(key, { x, log, hidden }) {
  try {
    const kept = JSON.stringify({ x, log, hidden: [...hidden] })
    sessionStorage.setItem(`proxprop-view-${key}`, kept)
  } catch {
    // storage is off: the choice lasts as long as the page
  }
}

export const mount = keeper(Chart)
