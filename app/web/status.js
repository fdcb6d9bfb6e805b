// How runs stand; reports to the page once when one starts, pauses, falls silent or ends.

import { make, stylesheet, write } from './dom.js'
import { duration, formatted, number, spelled, timeLeft } from './format.js'
import { hub } from './hub.js'
import { View, keeper } from './view.js'

await stylesheet(import.meta.url)

const LOSS = '0/steps/loss'
const TAKEN = 50 // milliseconds within which widgets have taken what came with the same rerun
const AGAIN = 1000 // milliseconds after which an answer is given again, at first
// What only the browser can see of a run; all other words come with the data, as every page has them.
const SEEN = {
  deleted: '∅ deleted', silent: '⚠ the run has stopped answering', offline: '⚠ no connection to the server',
}

const signature = (runs) =>
  Object.entries(runs)
    .map(([id, run]) => `${id}:${run.status}/${run.outcome ?? ''}/${Boolean(run.stale)}/${run.changes}`)
    .join(' ')

class Status extends View {
  constructor(parent) {
    super(parent, 'status')
  }

  update({ runs, states, told, heard }) {
    clearTimeout(this.answering)
    if (told > heard) this.answer(told)
    // What the page knows already needs no rerun.
    this.known = signature(states)
    if (this.follow(runs, ['steps']) || !this.rows) {
      this.rows = runs.map(() => row())
      this.root.replaceChildren(...this.rows.map(({ box }) => box))
    }
  }

  /** Say that what widgets were told is here, until the page has it; a rerun under way is given time. */
  answer(told) {
    let pause = AGAIN
    const say = () => {
      this.component.setTriggerValue('heard', told)
      this.answering = setTimeout(say, pause *= 2)
    }
    this.answering = setTimeout(say, TAKEN)
  }

  destroy() {
    super.destroy()
    clearTimeout(this.answering)
  }

  draw() {
    const { runs, states, labels } = this.data
    const now = {}
    runs.forEach((id, index) => {
      const live = hub.run(id)
      const run = live.status === null ? { ...states[id] } : live
      // The page may know of a change before the stream brings it.
      const changes = hub.run(id).marks.filter(({ kind }) => kind === 'set').length
      now[id] = { ...run, changes: Math.max(changes, states[id].changes) }
      fill(this.rows[index], run, hub.latest(id, LOSS), labels[index], this.data)
    })
    const known = runs.every((id) => hub.run(id).status !== null)
    const text = signature(now)
    if (known && text !== this.known) {
      this.known = text
      this.component.setTriggerValue('changed', text)
    }
  }
}

function row() {
  const part = (name, tag = 'span', attributes = {}) => make(tag, { class: `pp-${name}`, ...attributes })
  const parts = {
    icon: part('icon', 'span', { 'aria-hidden': 'true' }), word: part('word'), words: part('words'),
    left: part('left'), bar: make('div'), numbers: part('numbers', 'div'),
  }
  parts.said = make('div', { class: 'pp-line pp-said', role: 'status' }, parts.icon, parts.word, parts.words)
  parts.track = make('div', {
    class: 'pp-track', role: 'progressbar', 'aria-label': 'Progress of the run',
    'aria-valuemin': 0, 'aria-valuemax': 100,
  }, parts.bar)
  const head = make('div', { class: 'pp-line' }, parts.said, parts.left)
  parts.box = make('div', {}, head, parts.track, parts.numbers)
  parts.cells = ['step', 'epoch', 'time', 'loss'].map((name) => {
    const value = make('b', {}, '–')
    parts.numbers.append(make('span', { 'data-number': name }, `${name} `, value))
    return value
  })
  return parts
}

function fill(parts, run, loss, label, { looks, meanings }) {
  const state = !hub.connected ? 'offline' : run.stale ? 'silent' : run.status === 'ended' ? run.outcome : run.status
  const [icon, ...rest] = (SEEN[state] ?? looks[state] ?? '·').split(' ')
  const word = rest.join(' ')
  parts.icon.textContent = icon
  write(parts.word, label ? `${label}: ${word}` : word.charAt(0).toUpperCase() + word.slice(1))
  const words = hub.connected ? sentence(run, state) : 'trying again; the run goes on'
  write(parts.words, words)
  parts.words.title = words
  parts.word.title = meanings[state] ?? ''
  // Trouble is said in full; how far the run came stands in the numbers.
  parts.box.classList.toggle('pp-trouble', ['interrupted', 'failed', 'silent', 'offline'].includes(state))
  const done = run.progress ?? (run.status === 'ended' ? 1 : 0)
  parts.bar.style.transform = `scaleX(${Math.min(1, done)})`
  parts.track.classList.toggle('pp-waiting', ['queued', 'starting'].includes(state))
  parts.track.setAttribute('aria-valuenow', Math.round(100 * done))
  const percent = state === 'running' && done ? `${Math.floor(100 * done)} %` : ''
  write(parts.left, run.eta ? `${percent} · ${timeLeft(run.eta)} left` : percent)
  const values = [
    run.step === undefined ? '–' : formatted(run.step, 'd'),
    run.epoch === undefined ? '–' : run.epoch.toFixed(run.epoch < 100 ? 2 : 0),
    run.seconds === undefined ? '–' : duration(run.seconds),
    loss === undefined ? '–' : number(loss),
  ]
  parts.cells.forEach((cell, index) => write(cell, values[index]))
}

export function sentence(run, state) {
  if (state === 'silent') return 'its points are kept; Resume goes on from the last checkpoint'
  if (state === 'deleted') return 'this run no longer exists'
  // "Diverged" stands there already: "diverged at step 37" goes on with "at step 37".
  // Of a run that goes on, where it does, if not here.
  const words = spelled(run.words || (run.place ?? ''))
  return words.toLowerCase().startsWith(state) ? words.slice(state.length).replace(/^[:,. ]+/, '') : words
}

export const mount = keeper(Status)
