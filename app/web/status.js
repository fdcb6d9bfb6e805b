// How runs stand; tells the page once when one starts, pauses, falls silent or ends.

import { duration, formatted, keeper, make, number, style, theme as themeOf, timeLeft } from './dom.js'
import { hub } from './hub.js'

const CSS = `
.pp-status { display: flex; flex-direction: column; gap: 8px; font: 400 14px/1.35 var(--st-font);
  color: var(--st-text-color); font-variant-numeric: tabular-nums; overflow: hidden; }
.pp-status.pp-lecture { font-size: 19px; }
.pp-status .pp-line { display: flex; align-items: baseline; gap: 8px; white-space: nowrap; min-width: 0; }
.pp-status .pp-icon { width: 1.1em; text-align: center; flex: none; }
.pp-status .pp-word { font-weight: 600; }
.pp-status .pp-words { overflow: hidden; text-overflow: ellipsis; color: var(--pp-muted); }
.pp-status .pp-left { margin-left: auto; color: var(--pp-muted); }
.pp-told .pp-line { white-space: normal; align-items: flex-start; }
.pp-told .pp-words { display: -webkit-box; -webkit-line-clamp: 2; -webkit-box-orient: vertical; }
.pp-told .pp-track { display: none; }
.pp-track { height: 6px; border-radius: 3px; background: var(--pp-grid); overflow: hidden; margin: 4px 0; }
.pp-track > div { height: 100%; width: 100%; background: var(--st-primary-color); transform-origin: left;
  transform: scaleX(0); transition: transform .3s linear; }
.pp-track.pp-waiting > div { transform: none; opacity: .25; }
.pp-numbers { display: flex; gap: 18px; color: var(--pp-muted); white-space: nowrap; }
.pp-numbers b { font-weight: 600; color: var(--st-text-color); }
.pp-status > div { container-type: inline-size; }
@container (max-width: 430px) { .pp-numbers { gap: 10px; font-size: 12.5px; } }
@media (prefers-reduced-motion: reduce) { .pp-track > div { transition: none; } }
`

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

class Status {
  constructor(parent) {
    style('status', CSS)
    parent.querySelectorAll(':scope > .pp-status').forEach((old) => old.remove())
    this.root = make('div', { class: 'pp-status' })
    parent.append(this.root)
  }

  update(component) {
    const { data, parentElement } = component
    this.component = component
    this.data = data
    const theme = themeOf(parentElement)
    this.root.style.setProperty('--pp-muted', theme.muted)
    this.root.style.setProperty('--pp-grid', theme.grid)
    this.root.classList.toggle('pp-lecture', data.lecture)
    // What the page knows already needs no rerun.
    this.told = signature(data.standing)
    const wanted = JSON.stringify([data.runs, data.series])
    if (wanted !== this.wanted) {
      this.wanted = wanted
      this.leave?.()
      this.rows = data.runs.map(() => row())
      this.root.replaceChildren(...this.rows.map(({ box }) => box))
      const table = data.series.split('/')[1]
      this.leave = data.runs.length ? hub.subscribe(data.runs, [table], () => this.draw()) : null
    }
    this.draw()
  }

  draw() {
    const { runs, standing, labels, series } = this.data
    const now = {}
    runs.forEach((id, index) => {
      const live = hub.run(id)
      const run = live.status === null ? { ...standing[id] } : live
      now[id] = run
      fill(this.rows[index], run, hub.latest(id, series), labels[index])
    })
    const known = runs.every((id) => hub.run(id).status !== null)
    const text = signature(now)
    if (known && text !== this.told) {
      this.told = text
      this.component.setTriggerValue('changed', text)
    }
  }

  destroy() {
    this.leave?.()
    this.root.remove()
  }
}

function row() {
  const part = (name, tag = 'span', attributes = {}) => make(tag, { class: `pp-${name}`, ...attributes })
  const parts = {
    icon: part('icon', 'span', { 'aria-hidden': 'true' }), word: part('word'), words: part('words'),
    left: part('left'), bar: make('div'), numbers: part('numbers', 'div'),
  }
  parts.said = make('div', { class: 'pp-line', role: 'status' }, parts.icon, parts.word, parts.words)
  parts.track = make(
    'div',
    { class: 'pp-track', role: 'progressbar', 'aria-label': 'Progress of the run', 'aria-valuemin': 0, 'aria-valuemax': 100 },
    parts.bar,
  )
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
  set(parts.word, label ? `${label}: ${word.toLowerCase()}` : word)
  const words = hub.connected ? sentence(run, state) : 'trying again; the run goes on'
  set(parts.words, words)
  parts.words.title = words
  // Trouble is told in full; how far the run came stands in the numbers.
  parts.box.classList.toggle('pp-told', ['interrupted', 'failed', 'silent', 'offline'].includes(state))
  const done = run.progress ?? (run.status === 'ended' ? 1 : 0)
  parts.bar.style.transform = `scaleX(${Math.min(1, done)})`
  parts.track.classList.toggle('pp-waiting', ['queued', 'starting'].includes(state))
  parts.track.setAttribute('aria-valuenow', Math.round(100 * done))
  const percent = state === 'running' && done ? `${Math.floor(100 * done)} %` : ''
  set(parts.left, run.eta ? `${percent} · ${timeLeft(run.eta)} left` : percent)
  const values = [
    run.step === undefined ? '–' : formatted(run.step, 'd'),
    run.epoch === undefined ? '–' : run.epoch.toFixed(run.epoch < 100 ? 2 : 0),
    run.seconds === undefined ? '–' : duration(run.seconds),
    loss === undefined ? '–' : number(loss),
  ]
  parts.cells.forEach((cell, index) => set(cell, values[index]))
}

function sentence(run, state) {
  if (state === 'silent') return 'its points are kept; Resume goes on from the last checkpoint'
  if (state === 'deleted') return 'this run no longer exists'
  // "Diverged" stands there already: "diverged at step 37" goes on with "at step 37".
  const words = run.words ?? ''
  return words.toLowerCase().startsWith(state) ? words.slice(state.length).replace(/^[:,. ]+/, '') : words
}

/** Write only what changed: a screen reader announces every write. */
function set(element, text) {
  if (element.textContent !== text) element.textContent = text
}

export const mount = keeper(Status)
