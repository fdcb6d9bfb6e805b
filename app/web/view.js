// What every component is: one instance a place on the page, with its theme, its size and its end.

import { make, rgb } from './dom.js'
import { hub } from './hub.js'

const SCREEN = [1280, 720] // the window for which sizes are given

// Drawing shares the frames: what finds no room in one is drawn in the next, in the order asked for.
const FRAME = 40 // milliseconds of drawing after which a frame is shown
const waiting = new Set()
let frame = null

function drawSoon(view) {
  waiting.add(view)
  frame ??= requestAnimationFrame(drawSome)
}

function drawSome() {
  frame = null
  const end = performance.now() + FRAME
  try {
    for (const view of waiting) {
      if (performance.now() > end) break
      waiting.delete(view)
      if (view.theme && view.root.clientWidth) view.draw()
    }
  } finally { // one that fails does not hold up the others
    if (waiting.size) frame = requestAnimationFrame(drawSome)
  }
}

// Pictures that play and step: what the keys of a lecture ask first. Each has `arrow(by)`, which says
// whether it moved, `toggle()`, `play()` and `ready`.
export const keys = (window.__proxpropKeys ??= new Set())

/** A component; subclasses have `draw`, and `update(data)` where the page's data matter. */
export class View {
  constructor(parent, name, tag = 'div', attributes = {}) {
    parent.querySelectorAll(`:scope > .pp-${name}`).forEach((old) => old.remove())
    this.root = make(tag, { class: `pp-${name}`, ...attributes })
    parent.append(this.root)
    this.end = new AbortController()
    this.resizing = new ResizeObserver(() => this.resized())
    this.resizing.observe(this.root)
    this.listen(window, 'resize', () => this.later())
  }

  /** Listen until the view ends. */
  listen(target, event, call, options = {}) {
    target.addEventListener(event, call, { ...options, signal: this.end.signal })
  }

  receive(component) {
    const { data, parentElement } = component
    this.component = component
    this.theme = themeOf(parentElement, data.palettes)
    for (const name of ['muted', 'grid', 'line']) this.root.style.setProperty(`--pp-${name}`, this.theme[name])
    this.root.classList.toggle('pp-lecture', Boolean(data.lecture))
    this.data = data
    this.update?.(data)
    this.later()
  }

  /** Follow tables of runs; each piece of news is drawn. Says whether something else is followed now. */
  follow(runs, tables) {
    const wanted = JSON.stringify([runs, tables])
    if (wanted === this.followed) return false
    this.followed = wanted
    this.leave?.()
    this.leave = runs.length ? hub.subscribe(runs, tables, () => this.later()) : null
    return true
  }

  /** Draw with the next frame. */
  later() {
    drawSoon(this)
  }

  resized() {
    this.later()
  }

  /** How far type grows: on a larger window the same words fill the same share of the screen. */
  fit(largest) {
    const room = Math.min(window.innerWidth / SCREEN[0], window.innerHeight / SCREEN[1])
    return Math.max(1, Math.min(room, largest))
  }

  /** Pixels of the window below the top of this view. */
  room() {
    const scrolled = this.root.closest('.stMain')?.scrollTop ?? 0
    return window.innerHeight - this.root.getBoundingClientRect().top - scrolled
  }

  destroy() {
    waiting.delete(this)
    this.leave?.()
    keys.delete(this)
    this.resizing.disconnect()
    this.end.abort()
    this.root.remove()
  }
}

/** The theme's colours: the page's own as Streamlit hands them on, ours from the palette. */
function themeOf(element, palettes) {
  const css = getComputedStyle(element)
  const read = (name, fallback) => css.getPropertyValue(name).trim() || fallback
  const background = read('--st-background-color', '#ffffff')
  const [red, green, blue] = rgb(background)
  const dark = 0.2126 * red + 0.7152 * green + 0.0722 * blue < 0.4 * 255
  const { lines, ...greys } = palettes[dark ? 'dark' : 'light']
  return {
    ...greys,
    dark,
    background,
    panel: read('--st-secondary-background-color', greys.grid),
    text: read('--st-text-color', greys.text),
    font: read('--st-font', 'system-ui, sans-serif'),
    shade: (color) => lines[color] ?? color,
  }
}

/**
 * Keep one instance per place on the page. Streamlit calls `mount` again whenever data or theme
 * change and may call an outdated cleanup, so an instance ends only once it has left the page.
 */
export function keeper(Instance) {
  const instances = new WeakMap()
  return (component) => {
    const { parentElement } = component
    let instance = instances.get(parentElement)
    if (!instance) {
      instance = new Instance(parentElement)
      instances.set(parentElement, instance)
    }
    instance.receive(component)
    return () =>
      setTimeout(() => {
        if (parentElement.isConnected) return
        instance.destroy()
        if (instances.get(parentElement) === instance) instances.delete(parentElement)
      }, 0)
  }
}
