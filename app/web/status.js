// How runs stand; reports to the page once when one starts, pauses, falls silent or ends.

import { make, stylesheet, write } from './dom.js'
import { duration, formatted, number, timeLeft } from './format.js'
import { hub } from './hub.js'
import { View, keeper } from './view.js'

await stylesheet(import.meta.url)

const LOOKS = {
  queued: ['⧗', 'Waiting in line'],
  starting: ['⧗', 'Starting'],
  running: ['▶', 'Running'],
  paused: ['❚❚', 'Paused'],
  finished: ['✓', 'Finished'],
  stopped: ['■', 'Stopped'],
  diverged: ['✕', 'Diverged'],
  collapsed: ['▁', 'Collapsed'],
  interrupted: ['⚠', 'Interrupted'],
  failed: ['⚠', 'Failed'],
  deleted: ['∅', 'Deleted'],
  silent: ['⚠', 'The run has stopped answering'],
  offline: ['⚠', 'No connection to the server'],
  unknown: ['·', ''],
}

const signature = (runs) =>
  Object.entries(runs)
    .map(([id, run]) => `${id}:${run.status}/${run.outcome ?? ''}/${Boolean(run.stale)}`)
    .join(' ')

class Status extends View {
  constructor(parent) {
    super(parent, 'status')
  }

  update({ runs, series, states }) {
    // What the page knows already needs no rerun.
    this.known = signature(states)
    if (this.follow(runs, [series.split('/')[1]]) || !this.rows) {
      this.rows = runs.map(() => row())
      this.root.replaceChildren(...this.rows.map(({ box }) => box))
    }
  }

  draw() {
    const { runs, states, labels, series } = this.data
    const now = {}
    runs.forEach((id, index) => {
      const live = hub.run(id)
      const run = live.status === null ? { ...states[id] } : live
      now[id] = run
      fill(this.rows[index], run, hub.latest(id, series), labels[index])
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
  parts.said = make('div', { class: 'pp-line', role: 'status' }, parts.icon, parts.word, parts.words)
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

function fill(parts, run, loss, label) {
  const state = !hub.connected ? 'offline' : run.stale ? 'silent' : run.status === 'ended' ? run.outcome : run.status
  const [icon, word] = LOOKS[state] ?? LOOKS.unknown
  parts.icon.textContent = icon
  write(parts.word, label ? `${label}: ${word.toLowerCase()}` : word)
  const words = hub.connected ? sentence(run, state) : 'trying again; the run goes on'
  write(parts.words, words)
  parts.words.title = words
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

function sentence(run, state) {
  if (state === 'silent') return 'its points are kept; Resume goes on from the last checkpoint'
  if (state === 'deleted') return 'this run no longer exists'
  // "Diverged" stands there already: "diverged at step 37" goes on with "at step 37".
  const words = run.words ?? ''
  return words.toLowerCase().startsWith(state) ? words.slice(state.length).replace(/^[:,. ]+/, '') : words
}

export const mount = keeper(Status)
