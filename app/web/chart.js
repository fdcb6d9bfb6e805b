// A chart that grows in place. What a person chose (zoom, axis, scale, hidden lines) is the view;
// it survives updates, reruns, and where it makes sense a reload.

import { AXES, buildBar } from './chart_bar.js'
import { exportCsv, exportImage } from './chart_export.js'
import { figure, rangesOf } from './chart_figure.js'
import { drawLabels } from './chart_labels.js'
import { linesOf, optionsOf } from './chart_lines.js'
import { CHART_CSS } from './chart_style.js'
import { Target } from './chart_target.js'
import { keeper, make, style, theme as themeOf } from './dom.js'
import { hub } from './hub.js'
import { loadPlotly } from './plotly.js'

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
    this.target = new Target(this.frame, (value, done) => this.aim(value, done))
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

  update(component) {
    const { data, parentElement } = component
    this.component = component
    this.theme = themeOf(parentElement)
    const text = JSON.stringify(data)
    if (text !== this.text) {
      this.text = text
      this.given = data
      this.view = viewOf(data)
      this.takeTargets(data)
      this.takeView(data)
      this.options = optionsOf(data, this.view)
      this.root.style.height = data.fill ? `max(${data.height}px, calc(100vh - ${data.fill}px))` : `${data.height}px`
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
    this.bar.replaceChildren(
      ...buildBar(this.options, this.view, {
        choose: (change) => this.choose(change),
        look: (quantity) => this.look(quantity),
        save: (format) => this.save(format),
      }),
    )
    this.reset = this.bar.querySelector('[data-reset]')
  }

  choose(change) {
    Object.assign(this.view, change)
    if ('log' in change) this.view.logs[this.view.quantity ?? ''] = change.log
    remember(this.options.key, this.view)
    this.ranges = null
    this.draw()
    const now = JSON.stringify(told(this.view))
    if (this.given.tells && now !== this.view.told) {
      this.view.told = now
      this.view.said = [...(this.view.said ?? []), now].slice(-20)
      this.say('looked', told(this.view))
    }
  }

  /** Look at another quantity of the same runs. */
  look(series) {
    const { quantities } = this.given
    const quantity = quantities.find((one) => one.series === series)
    Object.assign(this.view, {
      quantity: series, yRange: null, log: this.view.logs[series] ?? quantity.logY,
    })
    this.options = optionsOf(this.given, this.view)
    this.buildBar()
    this.follow()
    this.choose({})
  }

  /** What the page says of the view counts, unless it only repeats what we told it. */
  takeView({ tells, quantity, x, logY, smooth }) {
    const now = JSON.stringify(told({ quantity, x, log: logY, smooth }))
    if (!tells || now === this.view.told || this.view.said?.includes(now)) return
    const moved = quantity !== this.view.quantity || x !== this.view.x || logY !== this.view.log
    if (moved) Object.assign(this.view, { xRange: null, yRange: null })
    Object.assign(this.view, { quantity, x, log: logY, smooth, told: now })
  }

  /** Move the target; tell the page once it is let go. */
  aim(value, done) {
    this.view.targets[this.options.quantity.series] = value
    this.options = optionsOf(this.given, this.view)
    if (done) this.say('aimed', { quantity: this.options.quantity.series, value })
    else this.later()
  }

  /** The page's targets count, unless it only repeats what we told it. */
  takeTargets({ quantities }) {
    this.view.targets ??= {}
    for (const { series, target } of quantities) {
      if (this.view.given?.[series] !== target) this.view.targets[series] = target
      ;(this.view.given ??= {})[series] = target
    }
  }

  say(event, value) {
    if (this.given.tells) this.component.setTriggerValue(event, value)
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
    this.placeTarget(size())
    this.listen()
    this.empty.hidden = some
    this.reset.hidden = !(view.xRange || view.yRange)
    this.press()
  }

  placeTarget() {
    const { target, quantity, yFormat, yTitle } = this.options
    const plot = this.gd._fullLayout?._size
    if (!target || !quantity || !this.lines.some((line) => line.y.length)) return this.target.hide()
    const { y: range } = this.ranges
    return this.target.place({ value: target.value, range, log: this.view.log, plot, name: yTitle, format: yFormat })
  }

  press() {
    const pressed = (selector, on) => {
      for (const button of this.bar.querySelectorAll(selector)) button.setAttribute('aria-pressed', String(on(button)))
    }
    pressed('[data-axis]', (button) => button.dataset.axis === this.view.x)
    pressed('[data-quantity]', (button) => button.dataset.quantity === this.options.quantity.series)
    pressed('[data-log]', () => this.view.log)
    pressed('[data-smooth]', () => Boolean(this.view.smooth))
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

/** What of a view belongs to the page's link. */
function told({ quantity, x, log, smooth }) {
  return { quantity, x, log, smooth: Boolean(smooth) }
}

/** The view of this chart: kept in the page; axis and scale also for a reload of this tab. */
function viewOf({ key, x, logY, quantities }) {
  if (!views.has(key)) {
    const view = { x, log: logY, xRange: null, yRange: null, hidden: new Set(), logs: {}, targets: {} }
    try {
      const kept = JSON.parse(sessionStorage.getItem(`proxprop-view-${key}`)) ?? {}
      if (AXES.includes(kept.x)) view.x = kept.x
      if (typeof kept.log === 'boolean') view.log = kept.log
      view.hidden = new Set(kept.hidden)
      if (quantities.some(({ series }) => series === kept.quantity)) view.quantity = kept.quantity
      view.logs = kept.logs ?? {}
      view.smooth = kept.smooth === true
    } catch {
      // nothing kept, or storage is off: the page's own choice stands
    }
    const quantity = quantities.find(({ series }) => series === view.quantity) ?? quantities[0]
    if (quantity) {
      view.quantity = quantity.series
      view.log = view.logs[quantity.series] ?? quantity.logY
    }
    views.set(key, view)
  }
  return views.get(key)
}

function remember(key, { x, log, hidden, quantity, logs, smooth }) {
  try {
    const kept = JSON.stringify({ x, log, hidden: [...hidden], quantity, logs, smooth })
    sessionStorage.setItem(`proxprop-view-${key}`, kept)
  } catch {
    // storage is off: the choice lasts as long as the page
  }
}

export const mount = keeper(Chart)
