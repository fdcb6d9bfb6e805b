// The player: one training step, stage by stage, without a word to the server.

import { make, stylesheet } from './dom.js'
import { number, plain } from './format.js'
import { LINKED, Link } from './link.js'
import { Energy } from './slow_energy.js'
import { Tile } from './slow_heatmap.js'
import { Network } from './slow_network.js'
import { View, keeper, keys } from './view.js'

await stylesheet(import.meta.url)

const SPEEDS = [['0.6 s', 600], ['1.2 s', 1200], ['2.5 s', 2500], ['5 s', 5000]]
const MOST_TILES = 4
const ROLES = '[role=slider],[role=radio],[role=combobox]'
const TYPING = `input:not([type=range]),textarea,select,button,a,summary,[contenteditable=true],${ROLES}`

class Player extends View {
  constructor(parent) {
    super(parent, 'slow', 'section', { tabindex: 0, 'aria-label': 'Slow motion of one training step' })
    this.index = 0
    this.pace = 1200
    this.network = new Network((kind, layer) => this.jump(kind, layer))
    this.energy = new Energy()
    this.tiles = Array.from({ length: MOST_TILES }, () => new Tile())
    this.root.append(this.transport(), this.network.root, this.stage())
    this.link = new Link()
    keys.add(this)
    this.listen(document, 'keydown', (event) => this.press(event))
    this.listen(document, 'visibilitychange', () => document.hidden && this.pause())
    for (const event of [LINKED, 'popstate']) this.listen(window, event, () => this.trace && this.go(staged()))
  }

  transport() {
    const button = (text, title, click, attributes = {}) =>
      make('button', { type: 'button', title, 'aria-label': title, onclick: click, ...attributes }, text)
    this.back = button('◀', 'Back (←)', () => this.go(this.index - 1), { 'data-go': 'back' })
    this.playing = button('Play', 'Play or pause (space)', () => this.toggle(), { class: 'pp-play', 'data-go': 'play' })
    this.next = button('▶', 'Next (→)', () => this.go(this.index + 1), { 'data-go': 'next' })
    this.slide = make('input', { type: 'range', min: 0, value: 0, 'aria-label': 'Stage' })
    this.slide.addEventListener('input', () => this.go(Number(this.slide.value)))
    this.count = make('span', { class: 'pp-count' })
    this.layers = make('span', { class: 'pp-jump' })
    this.speed = make(
      'select',
      { 'aria-label': 'Seconds per stage', title: 'Seconds per stage' },
      ...SPEEDS.map(([name, value]) => make('option', { value, selected: value === this.pace }, name)),
    )
    this.speed.addEventListener('change', () => (this.pace = Number(this.speed.value)))
    const hint = make('span', { class: 'pp-keys' }, '← → space')
    const parts = [this.back, this.playing, this.next, this.slide, this.count, this.layers, this.speed, hint]
    return make('div', { class: 'pp-transport' }, ...parts)
  }

  stage() {
    this.heading = make('h3')
    this.equation = make('div', { class: 'pp-equation' })
    this.what = make('p', { class: 'pp-what' })
    this.why = make('p', { class: 'pp-why' })
    this.numbers = make('dl', { class: 'pp-numbers' })
    this.pictures = make('div', { class: 'pp-tiles' }, ...this.tiles.map((tile) => tile.root))
    const words = make('div', { 'aria-live': 'polite' }, this.heading, this.equation, this.what, this.why)
    return make('div', { class: 'pp-stage' }, make('div', {}, words, this.numbers), this.pictures, this.energy.root)
  }

  get ready() {
    return Boolean(this.trace)
  }

  update({ colors, digest, formulas, trace, energies, scene, query }) {
    for (const [side, color] of Object.entries(colors)) {
      this.root.style.setProperty(`--pp-${side}`, this.theme.shade(color))
    }
    const first = !this.trace
    const linked = first || scene !== this.scene ? query ?? (first ? window.location.search : '') : ''
    this.scene = scene
    if (digest !== this.digest) {
      this.digest = digest
      this.formulas = formulas
      this.network.prepare(trace)
      this.energy.prepare(trace, energies, formulas)
      this.take(trace)
    }
    if (linked || scene !== this.began) this.go(staged(linked))
    this.began = scene
    this.show()
  }

  take(trace) {
    this.pause()
    const before = this.trace?.frames[this.index]
    this.trace = trace
    this.slide.max = trace.frames.length - 1
    // The same stage of the new step, where it has one: settings compare at a glance.
    const same = before && trace.frames.findIndex((frame) => before.kind === frame.kind && before.layer === frame.layer)
    this.index = same > 0 ? same : 0
    const layers = trace.layers.map(({ layer }) => make('button', {
      type: 'button', 'data-layer': layer, title: `Jump to the weights of layer ${layer}`,
      onclick: () => this.jump('theta', layer),
    }, String(layer)))
    this.layers.replaceChildren('layer', ...layers)
  }

  jump(kind, layer) {
    const { frames } = this.trace
    const about = (frame) =>
      (frame.kind === 'loss' ? kind === 'loss' : frame.variable === kind && frame.layer === layer)
    const fits = frames.map((frame, index) => ({ frame, index })).filter(({ frame }) => about(frame))
    // The next one after here, so that clicking again goes from the forward pass to the step.
    const next = fits.find(({ index }) => index > this.index) ?? fits[0]
    if (next) this.go(next.index)
  }

  go(index, playing = false) {
    if (!playing) this.pause()
    this.index = Math.min(this.trace.frames.length - 1, Math.max(0, index))
    this.show()
  }

  /** One stage for an arrow of a lecture; says whether there was one left. */
  arrow(by) {
    const { index } = this
    this.go(index + by)
    return this.index !== index
  }

  toggle() {
    return this.timer ? this.pause() : this.play()
  }

  play() {
    if (this.timer) return undefined
    if (this.index === this.trace.frames.length - 1) this.go(0)
    const tick = () => {
      this.go(this.index + 1, true)
      this.timer = this.index < this.trace.frames.length - 1 ? setTimeout(tick, this.pace) : null
      this.label()
    }
    this.timer = setTimeout(tick, this.pace)
    return this.label()
  }

  pause() {
    clearTimeout(this.timer)
    this.timer = null
    this.label()
  }

  label() {
    this.playing.textContent = this.timer ? 'Pause' : 'Play'
  }

  press(event) {
    if (!this.trace || event.ctrlKey || event.metaKey || event.altKey || !this.root.isConnected) return
    const outside = !this.root.contains(event.target)
    if (outside && event.target.closest?.(TYPING)) return
    if (event.target.closest?.('select')) return
    const go = (by) => () => this.go(this.index + by)
    const act = { ArrowRight: go(1), ArrowLeft: go(-1), ' ': () => this.toggle() }[event.key]
    if (!act) return
    event.preventDefault()
    act()
  }

  show() {
    const { formulas, trace: { frames } } = this
    const frame = frames[this.index]
    this.root.dataset.stage = String(this.index)
    this.link.follow({ stage: this.index ? String(this.index) : null })
    this.root.dataset.kind = frame.kind
    this.count.textContent = `stage ${this.index + 1} of ${frames.length}`
    this.slide.value = String(this.index)
    this.back.disabled = this.index === 0
    this.next.disabled = this.index === frames.length - 1
    this.heading.textContent = frame.title
    this.heading.dataset.side = frame.side
    this.equation.dataset.key = frame.equation_key
    this.equation.innerHTML = formulas[frame.equation]
    this.what.textContent = frame.what
    this.why.textContent = frame.why
    this.numbers.replaceChildren(
      // From the last row nobody reads six small numbers: the important ones come first.
      ...frame.numbers.slice(0, this.data.lecture ? 3 : undefined).flatMap(({ key, tex, value }) => {
        const name = make('dt')
        name.innerHTML = formulas[tex]
        const text = key === 'lr' || key === 'tau' ? plain(value, 6) : number(value)
        return [name, make('dd', { 'data-number': key, 'data-value': value }, text)]
      }),
    )
    this.network.show(this.index)
    this.energy.show(frame)
    const columns = frame.tiles.length === 4 ? 2 : frame.tiles.length
    const height = frame.tiles.length === 4 ? 96 : 220
    this.pictures.style.setProperty('--pp-columns', columns)
    this.pictures.style.setProperty('--pp-tile', `${height}px`)
    this.tiles.forEach((tile, at) => {
      tile.root.hidden = at >= frame.tiles.length
      if (at < frame.tiles.length) tile.show(frame.tiles[at], this.theme, formulas)
    })
  }

  draw() {} // every stage is shown at once; nothing depends on the size

  destroy() {
    super.destroy()
    this.pause()
    this.link.end({ stage: null })
  }
}

const staged = (query = window.location.search) => Number(new URLSearchParams(query).get('stage') ?? 0)

export const mount = keeper(Player)
