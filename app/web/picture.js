// What the three pictures share: fetch the artifact's latest version, one request at a time.

import { make, style, theme as themeOf } from './dom.js'
import { hub } from './hub.js'

const CSS = `
.pp-picture { position: relative; width: 100%; overflow: hidden; font: 400 13px/1.3 var(--st-font);
  color: var(--st-text-color); font-variant-numeric: tabular-nums; }
.pp-picture > .pp-none { position: absolute; inset: 0; display: grid; place-items: center; margin: 0;
  padding: 0 12%; text-align: center; color: var(--pp-muted); font-size: 15px; }
.pp-picture > .pp-none[hidden] { display: none; }
.pp-picture .pp-caption { color: var(--pp-muted); margin: 0; white-space: nowrap; overflow: hidden;
  text-overflow: ellipsis; height: 36px; line-height: 28px; }
.pp-picture .pp-caption b { font-weight: 600; font-size: 15px; color: var(--st-text-color); margin-right: 8px; }
`

export const CAPTION = 38 // pixels above the picture

/** A component that shows one artifact of a run; subclasses draw `payload` into `this.body`. */
export class Picture {
  constructor(parent) {
    style('picture', CSS)
    parent.querySelectorAll(':scope > .pp-picture').forEach((old) => old.remove())
    this.root = make('div', { class: 'pp-picture' })
    this.none = make('div', { class: 'pp-none' })
    this.body = make('div', { class: 'pp-body' })
    this.caption = make('div', { class: 'pp-caption' })
    this.root.append(this.caption, this.body, this.none)
    parent.append(this.root)
    this.resizing = new ResizeObserver(() => this.redraw())
    this.resizing.observe(this.root)
  }

  update({ data, parentElement }) {
    this.theme = themeOf(parentElement)
    this.root.style.setProperty('--pp-muted', this.theme.muted)
    this.root.style.setProperty('--pp-grid', this.theme.grid)
    this.data = data
    this.root.style.height = `${data.height}px`
    this.none.textContent = data.empty
    if (data.run !== this.run || data.member !== this.member) {
      Object.assign(this, { run: data.run, member: data.member, version: undefined, payload: null })
      this.body.replaceChildren()
      this.caption.textContent = ''
      this.leave?.()
      // The table is small; artifacts' versions come with every subscription.
      this.leave = data.run ? hub.subscribe([data.run], ['settings'], () => this.check()) : null
    }
    this.check()
    this.redraw()
  }

  async check() {
    const name = `${this.member}/${this.data.artifact}`
    const version = hub.run(this.run).artifacts?.[name]
    if (!this.run || version === undefined || version === this.version || this.fetching) return
    this.fetching = true
    const { run, member } = this
    try {
      const path = `/api/runs/${run}/artifacts/${member}/${this.data.artifact}?v=${version}`
      const answer = await fetch(path)
      if (!answer.ok) throw new Error(String(answer.status))
      const artifact = await answer.json()
      if (run !== this.run || member !== this.member) return
      Object.assign(this, { version: artifact.version, payload: artifact.payload })
      const [title, detail] = this.title(artifact)
      this.caption.replaceChildren(make('b', {}, title), detail)
      this.caption.title = `${title}: ${detail}`
      this.redraw()
    } catch {
      this.version = version // gone, or the server restarts: the next version is tried again
    } finally {
      this.fetching = false
    }
    this.check()
  }

  redraw() {
    if (!this.theme || !this.data) return
    this.none.hidden = Boolean(this.payload)
    if (this.payload && this.root.clientWidth) this.draw(this.payload)
  }

  title({ step }) {
    return ['', `step ${step}`]
  }

  destroy() {
    this.leave?.()
    this.resizing.disconnect()
    this.root.remove()
  }
}

/** Red, green and blue of "#rrggbb". */
export function rgb(hex) {
  return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16))
}
