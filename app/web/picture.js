// What the pictures of a network share: fetch the artifact's latest version, one request at a time.

import { make, stylesheet } from './dom.js'
import { hub } from './hub.js'
import { View } from './view.js'

await stylesheet(import.meta.url)

export const CAPTION = 38 // pixels above the picture

/** A component that shows one artifact of a run; subclasses have `title(artifact)` and `paint(payload)`. */
export class Picture extends View {
  constructor(parent) {
    super(parent, 'picture')
    this.none = make('div', { class: 'pp-none' })
    this.body = make('div', { class: 'pp-body' })
    this.caption = make('div', { class: 'pp-caption' })
    this.root.append(this.caption, this.body, this.none)
  }

  update({ run, height, fill, empty, recorded }) {
    this.root.style.height = fill ? `max(${height}px, 100vh - ${fill}px)` : `${height}px`
    this.none.textContent = empty
    if (run !== this.run) {
      Object.assign(this, { run, version: undefined, payload: null })
      this.body.replaceChildren()
      this.caption.textContent = ''
    }
    if (!run && recorded && !this.payload) this.take({ version: 'recorded', payload: recorded })
    // The table is small; artifacts' versions come with every subscription.
    this.follow(run ? [run] : [], ['settings'])
  }

  async check() {
    const { run, data: { artifact: kind } } = this
    const version = hub.run(run).artifacts[`0/${kind}`]
    if (!run || version === undefined || version === this.version || this.fetching) return
    this.fetching = true
    try {
      const answer = await fetch(`api/runs/${run}/artifacts/0/${kind}?v=${version}`)
      if (!answer.ok) throw new Error(String(answer.status))
      const artifact = await answer.json()
      if (run === this.run) this.take(artifact)
    } catch {
      this.version = version // gone, or the server restarts: the next version is tried again
    } finally {
      this.fetching = false
      this.later()
    }
  }

  take(artifact) {
    Object.assign(this, { version: artifact.version, payload: artifact.payload })
    const [title, detail] = this.title(artifact)
    this.caption.replaceChildren(make('b', {}, title), detail)
    this.caption.title = `${title}: ${detail}`
  }

  draw() {
    this.check()
    const drawn = JSON.stringify([this.version, this.root.clientWidth, window.innerHeight, this.theme.dark, this.data])
    if (drawn === this.drawn) return
    this.drawn = drawn
    this.none.hidden = Boolean(this.payload)
    if (this.payload) this.paint(this.payload)
  }
}
