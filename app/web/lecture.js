// A lecture: the bar at the foot, the keys that presentation remotes send, the speaker's window.

import { make, stylesheet, write } from './dom.js'
import { View, keeper, keys } from './view.js'

await stylesheet(import.meta.url)

const TYPING = 'textarea, [contenteditable=true], input:not([type=range], [type=checkbox], [type=radio],'
  + ' [role=combobox][aria-expanded=false])'
const TRANSPORT = ':is(.st-key-start, .st-key-pause, .st-key-go) button:not(:disabled)'
const MOVES = { PageDown: 1, ArrowRight: 1, PageUp: -1, ArrowLeft: -1 }
const PATIENCE = 100 // looks, a fifth of a second apart, for a picture that is to play

class Lecture extends View {
  constructor(parent) {
    super(parent, 'talk', 'nav', { 'aria-label': 'Lecture' })
    const button = (text, title, click) =>
      make('button', { type: 'button', title, 'aria-label': title, onclick: click }, text)
    this.title = make('b')
    this.place = make('span')
    this.back = button('‹', 'Previous scene (Page Up)', () => this.go(-1))
    this.next = button('›', 'Next scene (Page Down)', () => this.go(1))
    this.speaker = button('Speaker', "The speaker's view, in a window of its own", () =>
      window.open('speaker', 'proxprop-speaker', 'popup,width=760,height=620'))
    this.page = make('select', { 'aria-label': 'Page', onchange: () => this.visit(this.page.value) })
    this.root.append(this.title, this.back, this.place, this.next, this.page, this.speaker)
    this.channel = new BroadcastChannel('proxprop-lecture')
    this.channel.onmessage = ({ data }) => this.hear(data)
    this.listen(window, 'keydown', (event) => this.press(event), { capture: true })
    // A focused button would take the space bar's release as a click.
    this.listen(window, 'keyup', (event) => event.key === ' ' && this.owns(event) && event.preventDefault(), { capture: true })
  }

  update(data) {
    const { title, page, pages, place, count, scene } = data
    this.wanted = place
    write(this.title, title ?? '')
    write(this.place, count ? `${place} of ${count}` : '')
    for (const part of [this.title, this.back, this.place, this.next, this.speaker]) part.hidden = !count
    this.back.disabled = place <= 1
    this.next.disabled = place >= count
    if (!this.page.length) this.page.append(...pages.map((name) => make('option', {}, name)))
    this.page.value = page
    if (scene === this.scene) return
    this.scene = scene
    this.tell()
    clearInterval(this.waiting)
    if (data.arrive === 'play') this.playSoon(page)
  }

  /** Play the picture of this page once it is there. */
  playSoon(page) {
    let looks = 0
    this.waiting = setInterval(() => {
      const picture = [...keys].find(({ root, ready }) => root.isConnected && ready)
      if (picture && this.data.page === page) picture.play()
      if (picture || ++looks > PATIENCE) clearInterval(this.waiting)
    }, 200)
  }

  go(by) {
    const to = Math.min(this.data.count, Math.max(1, this.wanted + by))
    if (to === this.wanted) return
    this.wanted = to
    this.component.setTriggerValue('moved', to)
  }

  visit(page) {
    const path = page === 'home' ? '/' : `/${page}`
    document.querySelector(`[data-testid=stTopNavLink][href$="${path}"]`)?.click()
  }

  /** Do what the speaker's window asks for. */
  hear({ go, play, hello, begin }) {
    if (go) this.go(go)
    if (play) this.play()
    if (hello || begin) this.tell(begin)
  }

  /** Play or pause the picture, start or pause the run. */
  play() {
    const picture = [...keys].find(({ root }) => root.isConnected)
    if (picture) picture.toggle()
    else document.querySelector(TRANSPORT)?.click()
  }

  owns({ target, ctrlKey, metaKey, altKey }) {
    return !(ctrlKey || metaKey || altKey || target.closest?.(TYPING))
  }

  press(event) {
    const { key } = event
    if (!(key in MOVES || key === ' ' || key === 'Escape') || !this.owns(event)) return
    if (key === 'Escape' && document.querySelector('[data-baseweb=popover], [role=dialog]')) return
    const pictures = [...keys].filter(({ root }) => root.isConnected)
    if (key in MOVES && !this.data.count && !pictures.length) return // no scene, no picture: they turn a dial
    event.preventDefault()
    event.stopImmediatePropagation()
    clearInterval(this.waiting) // a picture that a person moves does not start by itself any more
    if (key === 'Escape') this.component.setTriggerValue('left', true)
    else if (key === ' ') this.play()
    else if (!key.startsWith('Arrow') || !pictures.some((picture) => picture.arrow(MOVES[key]))) this.go(MOVES[key])
  }

  /** Tell the speaker's window what is shown, since when; `begin` sets the clock to nought. */
  tell(begin) {
    const { lecture, title, notes, expect, next, place, count } = this.data
    if (!count) return
    const began = `proxprop-began-${this.scene.split('.')[0]}`
    if (begin || !sessionStorage[began]) sessionStorage[began] = Date.now()
    const scene = { lecture, title, notes, expect, next, place, count }
    this.channel.postMessage({ scene, began: Number(sessionStorage[began]) })
  }

  draw() {} // CSS does

  destroy() {
    super.destroy()
    clearInterval(this.waiting)
    this.channel.close()
  }
}

export const mount = keeper(Lecture)
