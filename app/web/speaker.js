// The speaker's window: notes, what comes next, elapsed time; it moves the lecture, and follows it.

import { make, write } from './dom.js'

const channel = new BroadcastChannel('proxprop-lecture')
const [place, title, notes, expect, next] = ['span', 'h1', 'pre', 'p', 'p'].map((tag) => make(tag))
const go = (by) => channel.postMessage({ go: by })
const clock = make('button', { type: 'button', title: 'Begin at 0:00', onclick: () => channel.postMessage({ begin: true }) })
const button = (text, by) => make('button', { type: 'button', onclick: () => go(by) }, text)
const wait = make('p', {}, 'Open a lecture in another window of this browser; its notes appear here.')
document.body.append(
  make('header', {}, place, clock),
  title,
  notes,
  expect,
  wait,
  make('footer', {}, next, button('‹ previous', -1), button('next ›', 1)),
)

let began = null
channel.onmessage = ({ data }) => {
  if (!data.scene) return
  const { scene } = data
  began = data.began
  wait.hidden = true
  write(place, `${scene.lecture} · ${scene.place} of ${scene.count}`)
  write(title, scene.title)
  write(notes, scene.notes)
  write(expect, scene.expect && `Seen: ${scene.expect}`)
  write(next, scene.next ? `Next: ${scene.next}` : 'The last scene.')
  tick()
}
channel.postMessage({ hello: true })

function tick() {
  if (began === null) return
  const seconds = Math.floor((Date.now() - began) / 1000)
  write(clock, `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`)
}
setInterval(tick, 500)

const MOVES = { PageDown: 1, ArrowRight: 1, PageUp: -1, ArrowLeft: -1 }
addEventListener('keydown', (event) => {
  if (!(event.key in MOVES || event.key === ' ')) return
  event.preventDefault()
  if (event.key === ' ') channel.postMessage({ play: true })
  else go(MOVES[event.key])
})
// A focused button would take the space bar's release as a click.
addEventListener('keyup', (event) => event.key === ' ' && event.preventDefault())
