// Sliders with the exact number beside them, and the buttons.

import { make } from './dom.js'
import { plain } from './format.js'
import { CONTROLS, allowed, position, valueAt } from './quadratic_state.js'

const LIMIT = 2 // 2/λ_max

export class Controls {
  constructor(root, { changed, play, step, reset }) {
    this.changed = changed
    this.fields = {}
    const button = (name, text, title, click) =>
      make('button', { type: 'button', class: `pp-${name}`, 'data-do': name, title, onclick: click }, text)
    this.playing = button('play', '▶ Play', 'Play the steps one by one.  [Space]', play)
    const buttons = make('div', { class: 'pp-buttons' }, this.playing,
      button('step', 'Step', 'Show one more step.  [→], one less [←]', step),
      button('reset', 'Reset', 'Everything as at first.  [0]', reset))
    root.replaceChildren(...Object.keys(CONTROLS).map((name) => this.row(name)), buttons)
  }

  row(name) {
    const spec = CONTROLS[name]
    const slider = make('input', {
      type: 'range', min: position(spec, spec.low), max: position(spec, spec.high), 'data-control': name,
      step: spec.grain ?? 0.01, 'aria-label': `${spec.label} ${spec.symbol}`.trim(), title: spec.help,
      oninput: () => this.changed(name, valueAt(spec, Number(slider.value))),
    })
    const exact = make('input', {
      type: 'text', inputmode: 'decimal', 'data-exact': name, 'aria-label': `${spec.label}, exact value`,
      onchange: () => this.typed(name),
    })
    const refusal = make('div', { class: 'pp-refusal', role: 'alert', hidden: true })
    const track = make('div', { class: 'pp-track' }, slider)
    if (name === 's') track.append(this.mark(spec))
    this.fields[name] = { slider, exact, refusal }
    const symbol = spec.symbol ? [' ', make('em', {}, spec.symbol)] : []
    const title = make('label', { title: spec.help }, spec.label, ...symbol)
    return make('div', { class: 'pp-control', 'data-name': name }, title, exact, track, refusal)
  }

  mark(spec) {
    const [at, low, high] = [LIMIT, spec.low, spec.high].map((value) => position(spec, value))
    const share = (at - low) / (high - low)
    const style = `left: calc(8px + ${share.toFixed(4)} * (100% - 16px))`
    return make('span', { class: 'pp-limit', style }, '2/λ', make('sub', {}, 'max'))
  }

  typed(name) {
    const { exact, refusal } = this.fields[name]
    const text = exact.value.trim().replace(',', '.').replace('−', '-')
    const value = allowed(name, text ? Number(text) : NaN)
    const { low, high, label } = CONTROLS[name]
    refusal.hidden = value !== null
    refusal.textContent = `${label} must be a number from ${low} to ${high}, got “${exact.value}”.`
    if (value !== null) this.changed(name, value)
  }

  show(values, playing) {
    for (const [name, { slider, exact, refusal }] of Object.entries(this.fields)) {
      const spec = CONTROLS[name]
      const at = String(Number(position(spec, values[name]).toFixed(6)))
      // A slider under the finger stands where the finger is.
      if (document.activeElement !== slider || Math.abs(Number(slider.value) - Number(at)) > 0.006) slider.value = at
      const text = `${plain(values[name], 6)}${spec.unit ?? ''}`.replace('-', '−')
      slider.setAttribute('aria-valuetext', text)
      if (document.activeElement !== exact || exact.dataset.shown === exact.value) exact.value = text.replace('°', '')
      if (refusal.hidden === false && document.activeElement !== exact) refusal.hidden = true
      exact.dataset.shown = exact.value
    }
    this.playing.textContent = playing ? '❚❚ Pause' : '▶ Play'
  }
}
