// A few images with what the network takes them for; bars are kept, so that they move.

import { keeper, make, style } from './dom.js'
import { CAPTION, Picture } from './picture.js'

const CSS = `
.pp-gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(112px, 1fr)); gap: 10px 14px;
  overflow: hidden; align-content: start; }
.pp-gallery figure { margin: 0; display: flex; flex-direction: column; gap: 3px; min-width: 0; }
.pp-gallery img { width: 64px; height: 64px; image-rendering: pixelated; object-fit: contain; align-self: flex-start;
  border: 1px solid var(--pp-grid); background: var(--pp-grid); }
.pp-gallery figcaption { font-size: 12px; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.pp-guess { display: grid; grid-template-columns: 1fr 40px; gap: 4px; align-items: center; font-size: 11.5px; line-height: 15px; }
.pp-guess span { position: relative; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; padding-left: 3px; }
.pp-guess i { position: absolute; inset: 0; transform-origin: left; background: var(--pp-muted); opacity: .3;
  transition: transform .25s ease-out; }
.pp-guess.pp-right i { background: var(--st-primary-color); opacity: .45; }
.pp-guess b { font-weight: 400; white-space: nowrap; text-align: right; color: var(--pp-muted); }
@media (prefers-reduced-motion: reduce) { .pp-guess i { transition: none; } }
`
const GUESSES = 3
const PITCH = { width: 126, height: 146 }

class Predictions extends Picture {
  constructor(parent) {
    super(parent)
    style('predictions', CSS)
    this.body.classList.add('pp-gallery')
  }

  title({ step, payload }) {
    const right = payload.items.filter((item) => best(item.probabilities) === item.target).length
    return ['Predictions', `${right} of these ${payload.items.length} right after step ${step}`]
  }

  draw({ classes, items }) {
    const columns = Math.max(1, Math.floor((this.root.clientWidth + 14) / PITCH.width))
    const rows = Math.max(1, Math.floor((this.data.height - CAPTION + 14) / PITCH.height))
    const shown = items.slice(0, columns * rows)
    if (this.cards?.length !== shown.length || !this.body.firstChild) {
      this.cards = shown.map(() => card())
      this.body.replaceChildren(...this.cards.map(({ box }) => box))
    }
    shown.forEach((item, index) => fill(this.cards[index], item, classes))
  }
}

function card() {
  const image = make('img', { alt: '' })
  const truth = make('figcaption')
  const guesses = Array.from({ length: GUESSES }, () => {
    const bar = make('i')
    const name = document.createTextNode('')
    const share = make('b')
    const row = make('div', { class: 'pp-guess' }, make('span', {}, bar, name), share)
    return { row, bar, name, share }
  })
  const box = make('figure', {}, image, truth, ...guesses.map(({ row }) => row))
  return { box, image, truth, guesses }
}

function fill({ image, truth, guesses }, { png, target, probabilities }, classes) {
  const source = `data:image/png;base64,${png}`
  if (image.src !== source) image.src = source
  const guess = best(probabilities)
  image.alt = `${classes[target]}, taken for ${classes[guess]}`
  truth.textContent = `${guess === target ? '✓' : '✕'} ${classes[target]}`
  const order = probabilities.map((p, i) => [p, i]).sort((a, b) => b[0] - a[0])
  guesses.forEach(({ row, bar, name, share }, index) => {
    row.style.visibility = index < order.length ? 'visible' : 'hidden'
    const [p, label] = order[index] ?? [0, 0]
    row.classList.toggle('pp-right', label === target)
    bar.style.transform = `scaleX(${p})`
    name.textContent = classes[label]
    share.textContent = `${(100 * p).toFixed(0)} %`
  })
}

function best(probabilities) {
  return probabilities.indexOf(Math.max(...probabilities))
}

export const mount = keeper(Predictions)
