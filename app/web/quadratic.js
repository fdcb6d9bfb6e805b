// Drag a quadratic: everything is computed here; the server hears nothing of it.

import { make, shape, stylesheet } from './dom.js'
import { LINKED, Link } from './link.js'
import { Controls } from './quadratic_controls.js'
import { drawCurves } from './quadratic_curves.js'
import { Plane } from './quadratic_plane.js'
import { curveRows, pathRows, reading } from './quadratic_reading.js'
import { STEPS, allowed, initial, readLink, written } from './quadratic_state.js'
import { caption } from './quadratic_words.js'
import { download, menu, saveDrawing, table } from './save.js'
import { swatch } from './svg.js'
import { View, keeper, keys } from './view.js'

await stylesheet(import.meta.url)

const PACE = 450 // milliseconds a step while playing
const NARROW = 760
const TYPING = 'textarea, select, button, a, summary, [contenteditable], [role=radio]'
const LARGEST = { usual: 1.2, lecture: 1.5 } // how far type grows with the window
const kept = (window.__proxpropQuadratic ??= { values: null })

class QuadraticView extends View {
  constructor(parent) {
    super(parent, 'quadratic')
    this.link = new Link()
    this.values = readLink(kept.values ?? initial())
    kept.values = this.values
    const box = make('div', { class: 'pp-controls' })
    this.controls = new Controls(box, {
      changed: (name, value) => this.set({ [name]: value }),
      play: () => this.toggle(),
      step: () => this.step(1),
      reset: () => this.reset(),
    })
    this.planeSvg = shape('svg', { class: 'pp-scene pp-plane' })
    this.curveSvg = shape('svg', {
      class: 'pp-scene pp-curves', role: 'img', 'aria-label': 'Factor of each component in one step',
    })
    this.plane = new Plane(this.planeSvg, (x, y) => this.set({ x, y }))
    this.words = make('div', { class: 'pp-caption', role: 'status' })
    this.root.append(
      box,
      this.figure('trajectories', 'Where do the steps lead?', this.planeSvg, pathRows),
      this.figure('factors', 'What does one step leave?', this.curveSvg, curveRows),
      this.words,
    )
    this.root.read = () => reading(this.values) // for tests and for the curious
    this.ready = true
    keys.add(this)
    this.listen(document, 'keydown', (event) => this.key(event), { capture: true })
    for (const event of [LINKED, 'popstate']) this.listen(window, event, () => this.obey())
  }

  /** Take what the address says, which somebody else has written. */
  obey() {
    clearInterval(this.timer)
    this.timer = null
    Object.assign(this.values, readLink(initial()))
    this.later()
  }

  figure(name, title, svg, rows) {
    const save = (format) => {
      const file = `proxprop-${name}.${format}`
      if (format === 'csv') download(file, table(rows(reading(this.values))))
      else saveDrawing(format, file, { svg, title, theme: this.theme })
    }
    const head = make('div', { class: 'pp-head' }, make('figcaption', {}, title), menu(save, `${name}-`))
    return make('figure', {}, head, svg)
  }

  update({ looks, warn, scene, query }) {
    if (query !== undefined && scene !== kept.scene) this.set(readLink(initial(), query), true)
    kept.scene = scene
    this.root.style.setProperty('--pp-warn', this.theme.dark ? warn.dark : warn.light)
    const shaded = ([kind, look]) => [kind, { ...look, color: this.theme.shade(look.color) }]
    this.looks = Object.fromEntries(Object.entries(looks).map(shaded))
    this.link.follow(written(this.values))
  }

  set(change, stop = false) {
    if (stop || 'n' in change) this.stop()
    Object.assign(this.values, change)
    this.link.follow(written(this.values))
    this.later()
  }

  toggle() {
    if (this.timer) return this.stop()
    if (this.values.n >= STEPS) this.values.n = 0
    this.timer = setInterval(() => {
      this.values.n = allowed('n', this.values.n + 1) ?? STEPS
      if (this.values.n >= STEPS) this.stop()
      this.later()
    }, PACE)
    return this.later()
  }

  stop() {
    clearInterval(this.timer)
    this.timer = null
    this.link.follow(written(this.values))
    this.later()
  }

  /** Space plays, → and ← step, 0 resets, unless what has the focus needs the key itself. */
  key(event) {
    const does = {
      ' ': () => this.toggle(), ArrowRight: () => this.step(1), ArrowLeft: () => this.step(-1), 0: () => this.reset(),
    }[event.key]
    if (!does || event.ctrlKey || event.metaKey || event.altKey) return
    const slides = event.key === ' ' ? 'input:not([type=range])' : 'input, .pp-start'
    if (event.target.closest?.(`${slides}, ${TYPING}`)) return
    event.preventDefault()
    event.stopPropagation()
    does()
  }

  play() {
    if (!this.timer) this.toggle()
  }

  /** One step for an arrow of a lecture; says whether there was one left. */
  arrow(by) {
    const n = this.values.n + by
    if (n < 0 || n > STEPS) return false
    this.set({ n })
    return true
  }

  step(by) {
    const n = this.values.n + by
    this.set({ n: n > STEPS ? 0 : n < 0 ? STEPS : n })
  }

  reset() {
    this.set(initial(), true)
  }

  draw() {
    const width = this.root.clientWidth
    const { lecture } = this.data
    const narrow = width < NARROW
    this.root.classList.toggle('pp-narrow', narrow)
    const fit = narrow ? 1 : this.fit(LARGEST[lecture ? 'lecture' : 'usual'])
    this.root.style.setProperty('--form', `${(lecture ? 290 : 236) * fit}px`)
    // The page's head is above, the caption below; the rest of the window is for the picture.
    const rest = this.room() - (lecture ? 116 * fit : 46 + 66 * fit)
    this.root.style.setProperty('--high', `${Math.max(lecture ? 420 : 360, Math.min(rest, width * 0.62))}px`)
    const now = reading(this.values)
    const [font, line, small] = lecture && !narrow ? [24, 5, 1] : [15, 3, 0.92]
    const size = { font: font * fit, line: line * fit, small }
    const scene = ({ clientWidth, clientHeight }) =>
      ({ looks: this.looks, size, theme: this.theme, width: clientWidth, height: clientHeight })
    this.root.style.setProperty('--size', `${size.font}px`)
    this.controls.show(this.values, Boolean(this.timer))
    if (this.planeSvg.clientHeight > 0) this.plane.draw(now, scene(this.planeSvg))
    if (this.curveSvg.clientHeight > 0) drawCurves(this.curveSvg, now, scene(this.curveSvg))
    this.words.replaceChildren(...caption(now, (kind) => swatch(this.looks[kind], size)))
    this.root.drawn = { ...now, ways: this.plane.drawn }
  }

  destroy() {
    super.destroy()
    clearInterval(this.timer)
    this.link.end(written(null))
  }
}

export const mount = keeper(QuadraticView)
