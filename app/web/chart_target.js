// The target: a thin labelled line across the chart that a person drags, or moves with the arrows.

import { make, write } from './dom.js'
import { formatted } from './format.js'

const STEPS = { ArrowUp: 0.02, ArrowDown: -0.02, PageUp: 0.1, PageDown: -0.1 }
const SETTLE = 400 // milliseconds after which a key's move counts as done

export class Target {
  /** `aim(value, done)` hears every move; `done` once the line is let go. */
  constructor(box, aim) {
    this.aim = aim
    this.handle = make('div', {
      class: 'pp-target', role: 'slider', tabindex: '0', hidden: true,
      title: 'Drag the target, or move it with ↑ and ↓',
      onpointerdown: (event) => this.grab(event), onpointermove: (event) => this.drag(event),
      onpointerup: (event) => this.drop(event), onpointercancel: (event) => this.drop(event),
      onkeydown: (event) => this.key(event),
    }, make('span', { class: 'pp-target-label' }))
    box.append(this.handle)
  }

  /** Place the handle in a panel of the figure; null hides it. */
  place(given) {
    const share = given ? this.share(given) : NaN
    this.handle.hidden = !Number.isFinite(share)
    if (this.handle.hidden) return
    this.given = given
    const { panel, value, y_format: format, y_title: title } = given
    const inside = Math.min(1, Math.max(0, share))
    this.handle.classList.toggle('pp-outside', inside !== share)
    this.handle.classList.toggle('pp-low', inside < 0.12)
    const place = { top: panel.top + panel.height * (1 - inside), left: panel.left, width: panel.width }
    for (const [name, at] of Object.entries(place)) this.handle.style[name] = `${at}px`
    const away = inside === share ? '' : share > 1 ? ' ↑' : ' ↓'
    const text = `target ${formatted(value, format)}${away}`
    write(this.handle.firstChild, text)
    this.handle.setAttribute('aria-label', `Target of ${title}`)
    this.handle.setAttribute('aria-valuetext', text)
    this.handle.setAttribute('aria-valuenow', String(value))
  }

  grab(event) {
    if (event.button > 0) return
    event.preventDefault()
    this.handle.focus({ preventScroll: true })
    this.handle.setPointerCapture(event.pointerId)
    this.from = { y: event.clientY, share: this.share(this.given), moved: false }
  }

  drag(event) {
    if (!this.from) return
    this.from.moved = true
    this.move(this.from.share + (this.from.y - event.clientY) / this.given.panel.height)
  }

  drop(event) {
    if (!this.from) return
    const { moved } = this.from
    this.from = null
    if (this.handle.hasPointerCapture(event.pointerId)) this.handle.releasePointerCapture(event.pointerId)
    if (moved) this.aim(this.given.value, true)
  }

  key(event) {
    if (!(event.key in STEPS)) return
    event.preventDefault()
    event.stopPropagation()
    this.move(Math.min(1, Math.max(0, this.share(this.given))) + STEPS[event.key])
    clearTimeout(this.settling)
    this.settling = setTimeout(() => this.aim(this.given.value, true), SETTLE)
  }

  share({ panel, value }) {
    return 1 - (panel.toY(value) - panel.top) / panel.height
  }

  move(share) {
    this.given.value = Number(this.given.panel.at(Math.min(0.995, Math.max(0.005, share))).toPrecision(3))
    this.aim(this.given.value, false)
  }
}
