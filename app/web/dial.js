// A number to turn or type: a slider over marks of equal ratio, the exact value beside its name.
// It sends what a person does to it and nothing else; what the page says of it is only shown.

import { make, stylesheet } from './dom.js'
import { plain } from './format.js'
import { View, keeper } from './view.js'

await stylesheet(import.meta.url)

const WAIT = 4000 // milliseconds within which the page may still say what was there before ours
const SETTLED = 150 // milliseconds after the last key
const FINE = 1.01

class Dial extends View {
  constructor(parent) {
    super(parent, 'dial')
    this.name = make('span', { class: 'pp-dial-name' })
    this.exact = make('input', {
      type: 'text', inputmode: 'decimal', autocomplete: 'off', spellcheck: 'false',
      onchange: () => this.send(this.exact.value), onkeydown: (event) => this.typing(event),
    })
    this.slider = make('input', {
      type: 'range', min: 0, step: 'any', oninput: () => this.drag(Math.round(this.slider.value)),
      onchange: () => this.send(this.exact.value), onkeydown: (event) => this.press(event),
    })
    this.root.append(this.name, this.exact, this.slider)
    for (const end of ['pointerup', 'pointercancel']) this.listen(window, end, () => setTimeout(() => this.letGo()))
  }

  update({ label, help, text, at, empty, stops, disabled }) {
    this.name.textContent = label
    this.name.title = help
    this.exact.setAttribute('aria-label', `${label}, exact value`)
    this.exact.placeholder = empty
    this.slider.setAttribute('aria-label', label)
    this.slider.title = `${help}  ← → next mark, ↑ ↓ fine, Page keys × 10`
    this.slider.max = stops.length - 1
    this.exact.disabled = this.slider.disabled = disabled
    const { sent } = this
    const left = sent?.before.includes(text) ? sent.at + WAIT - Date.now() : 0
    clearTimeout(this.waiting)
    if (left > 0) {
      this.waiting = setTimeout(() => this.update(this.data), left)
      return
    }
    this.sent = null
    const typing = document.activeElement === this.exact && this.exact.value !== this.shown
    this.shown = text
    if (!typing && !this.turning) this.show(text, at)
  }

  /** Show a text, and where on the slider it stands. */
  show(text, at) {
    const { stops } = this.data
    this.exact.value = text
    this.slider.value = place(at, stops)
    this.slider.setAttribute('aria-valuetext', text || `${this.data.empty}, as η`)
    this.value = at
  }

  turn(index) {
    const { stops } = this.data
    const text = stops[Math.max(0, Math.min(stops.length - 1, index))]
    this.show(text, Number(text))
  }

  /** Turn it by the mouse: until it is let go, what the page says is not shown. */
  drag(index) {
    this.turning = 'by mouse'
    this.turn(index)
  }

  /** Let go where it was taken up, it sends nothing; the page may have said something since. */
  letGo() {
    if (this.turning !== 'by mouse') return
    this.turning = null
    this.show(this.shown, this.data.at)
  }

  typing(event) {
    if (event.key === 'Enter') this.send(this.exact.value)
    if (event.key === 'Escape') this.show(this.shown, this.data.at)
  }

  press(event) {
    const { data: { stops, whole }, value } = this
    const at = place(value, stops)
    const moves = {
      ArrowRight: () => this.turn(Math.floor(at + 1e-6) + 1),
      ArrowLeft: () => this.turn(Math.ceil(at - 1e-6) - 1),
      ArrowUp: () => this.fine(whole ? value + 1 : value * FINE),
      ArrowDown: () => this.fine(whole ? value - 1 : value / FINE),
      PageUp: () => this.fine(value * 10),
      PageDown: () => this.fine(value / 10),
      Home: () => this.turn(0),
      End: () => this.turn(stops.length - 1),
    }
    if (!moves[event.key]) return
    event.preventDefault()
    event.stopPropagation() // the page's own keys rest while a slider has the focus
    this.turning = 'by key' // until it is sent
    moves[event.key]()
    clearTimeout(this.settling)
    this.settling = setTimeout(() => this.send(this.exact.value), SETTLED)
  }

  fine(value) {
    const { stops, whole } = this.data
    const inside = Math.max(Number(stops[0]), Math.min(Number(stops.at(-1)), value))
    const near = Number(inside.toPrecision(3))
    this.show(plain(whole ? Math.round(near) : near), near)
  }

  send(text) {
    clearTimeout(this.settling)
    this.turning = null
    if (text === this.shown) return
    // What was there before this and before what was sent a moment ago may still be on its way here.
    this.sent = { before: [...(this.sent?.before ?? []), this.shown].filter((each) => each !== text), at: Date.now() }
    this.shown = text
    this.component.setTriggerValue('changed', { text })
  }

  draw() {}

  destroy() {
    clearTimeout(this.settling)
    clearTimeout(this.waiting)
    super.destroy()
  }
}

/** Where a value stands among ascending marks, as an index with its fraction in the logarithm. */
export function place(value, stops) {
  const after = stops.findIndex((stop) => Number(stop) > value)
  if (after < 0) return stops.length - 1
  if (after === 0 || !(value > 0)) return 0
  const [low, high] = [Number(stops[after - 1]), Number(stops[after])]
  return after - 1 + Math.log(value / low) / Math.log(high / low)
}

export const mount = keeper(Dial)
