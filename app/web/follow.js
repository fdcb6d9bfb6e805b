// The presenter's browser says what its address bar shows; the audience's open the same, until they
// move by themselves.

import { make, write } from './dom.js'
import { LINKED, differsHere } from './link.js'

const LOOK = 200 // milliseconds between looks at the presenter's own address, where none is reported
const OWN = ['pointerdown', 'keydown'] // a follower's own move; scrolling is none
// A page and its query, from the first page on: a proxy may put us below an address of its own.
const address = () => `/${window.location.pathname.split('/').at(-1)}${window.location.search}`

/** Open a link of ours as the back button would: without loading the page anew, or drawing it where
 * only a picture has to move. */
function open(link) {
  if (link === address()) return
  if (differsHere(link, address())) {
    window.history.replaceState(window.history.state, '', `.${link}`)
    window.dispatchEvent(new Event(LINKED))
    return
  }
  window.history.pushState(window.history.state, '', `.${link}`)
  window.dispatchEvent(new PopStateEvent('popstate', { state: window.history.state }))
}

class Presenter {
  constructor() {
    // Timers wait while a picture is drawn; a browser that reports new addresses does so at once.
    window.navigation?.addEventListener('currententrychange', () => this.look())
    this.timer = setInterval(() => this.look(), LOOK)
  }

  look() {
    if (document.hidden || !document.hasFocus() || address() === this.told) return
    this.told = address()
    fetch('api/stage', { method: 'POST', body: this.told }).catch(() => (this.told = null))
  }
}

class Follower {
  constructor() {
    this.following = sessionStorage.proxpropFollows !== 'no'
    this.button = make('button', { type: 'button', class: 'pp-follow', onclick: () => this.set(!this.following) })
    document.body.append(this.button)
    for (const event of OWN) {
      window.addEventListener(event, (move) => this.moved(move), { capture: true, passive: true })
    }
    document.addEventListener('visibilitychange', () => this.listen())
    this.set(this.following)
    this.listen()
  }

  listen() {
    this.source?.close()
    if (document.hidden) return
    this.source = new EventSource('api/stage')
    this.source.addEventListener('stage', ({ data }) => {
      this.link = JSON.parse(data)
      if (this.following) open(this.link)
    })
  }

  moved({ target, isTrusted }) {
    if (!isTrusted || this.button.contains(target)) return
    if (this.following) this.set(false)
  }

  set(following) {
    this.following = following
    sessionStorage.proxpropFollows = following ? 'yes' : 'no'
    this.button.setAttribute('aria-pressed', String(following))
    write(this.button, following ? '● Following the presenter' : 'Follow the presenter')
    if (following && this.link) open(this.link)
  }
}

// One a window, however often the page is drawn.
export function mount({ data }) {
  window.__proxpropFollow ??= data.presenter ? new Presenter() : new Follower()
}
