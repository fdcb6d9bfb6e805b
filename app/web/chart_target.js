// The target: a thin labelled line across the chart that a person drags, or moves with the arrows.

import { make, formatted } from './dom.js'

export class Target {
  /** `tell(value, done)` hears every move; `done` once the line is let go. */
  constructor(frame, tell) {
    this.tell = tell
    this.handle = make('div', { class: 'pp-target', role: 'slider', tabindex: '0', hidden: true },
      make('span', { class: 'pp-target-label' }))
    frame.append(this.handle)
    this.handle.addEventListener('pointerdown', (event) => this.grab(event))
    this.handle.addEventListener('pointermove', (event) => this.drag(event))
    for (const name of ['pointerup', 'pointercancel']) {
      this.handle.addEventListener(name, (event) => this.drop(event))
    }
    this.handle.addEventListener('keydown', (event) => this.key(event))
  }

  /** Place the handle: `plot` is Plotly's inner size, `range` the vertical range (exponents on log). */
  place({ value, range, log, plot, name, format }) {
    const scaled = log ? Math.log10(value) : value
    const share = (scaled - range[0]) / (range[1] - range[0])
    this.axis = { range, log, plot }
    this.value = value
    this.handle.hidden = !plot || !Number.isFinite(share)
    if (this.handle.hidden) return
    const inside = Math.min(1, Math.max(0, share))
    this.handle.classList.toggle('pp-outside', inside !== share)
    this.handle.classList.toggle('pp-low', inside < 0.12)
    this.handle.style.top = `${plot.t + plot.h * (1 - inside)}px`
    this.handle.style.left = `${plot.l}px`
    this.handle.style.width = `${plot.w}px`
    const away = inside === share ? '' : share > 1 ? ' ↑' : ' ↓'
    const text = `target ${formatted(value, format)}${away}`
    this.handle.firstChild.textContent = text
    this.handle.title = 'Drag the target, or move it with ↑ and ↓'
    this.handle.setAttribute('aria-label', `Target of ${name}`)
    this.handle.setAttribute('aria-valuetext', text)
    this.handle.setAttribute('aria-valuenow', String(value))
  }

  hide() {
    this.handle.hidden = true
  }

  grab(event) {
    if (event.button > 0) return
    event.preventDefault()
    this.handle.focus({ preventScroll: true })
    this.handle.setPointerCapture(event.pointerId)
    this.from = { y: event.clientY, share: this.share(), moved: false }
  }

  drag(event) {
    if (!this.from) return
    const { plot } = this.axis
    const share = this.from.share + (this.from.y - event.clientY) / plot.h
    this.from.moved = true
    this.move(Math.min(0.995, Math.max(0.005, share)), false)
  }

  drop(event) {
    if (!this.from) return
    const { moved } = this.from
    this.from = null
    if (this.handle.hasPointerCapture(event.pointerId)) this.handle.releasePointerCapture(event.pointerId)
    if (moved) this.tell(this.value, true)
  }

  key(event) {
    const steps = { ArrowUp: 0.02, ArrowDown: -0.02, PageUp: 0.1, PageDown: -0.1 }
    if (!(event.key in steps)) return
    event.preventDefault()
    event.stopPropagation()
    this.move(Math.min(0.995, Math.max(0.005, this.share() + steps[event.key])), false)
    clearTimeout(this.later)
    this.later = setTimeout(() => this.tell(this.value, true), 400)
  }

  share() {
    const { range, log } = this.axis
    const scaled = log ? Math.log10(this.value) : this.value
    return Math.min(1, Math.max(0, (scaled - range[0]) / (range[1] - range[0])))
  }

  move(share, done) {
    const { range, log } = this.axis
    const scaled = range[0] + share * (range[1] - range[0])
    this.value = Number((log ? 10 ** scaled : scaled).toPrecision(3))
    this.tell(this.value, done)
  }
}
