// A few images with what the network takes them for; bars are kept, so that they move.

import { make, stylesheet } from './dom.js'
import { CAPTION, Picture } from './picture.js'
import { keeper } from './view.js'

await stylesheet(import.meta.url)

const GUESSES = 2
const PITCH = { width: 138, height: 62 } // of a card, with the gap after it

class Predictions extends Picture {
  constructor(parent) {
    super(parent)
    this.body.classList.add('pp-gallery')
  }

  title({ step, payload }) {
    const right = payload.items.filter((item) => best(item.probabilities) === item.target).length
    return ['Predictions', `${right} of these ${payload.items.length} right after step ${step}`]
  }

  paint({ classes, items }) {
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
  const box = make('figure', {}, image, make('div', {}, truth, ...guesses.map(({ row }) => row)))
  return { box, image, truth, guesses }
}

function fill({ image, truth, guesses }, { png, target, probabilities }, classes) {
  const source = `data:image/png;base64,${png}`
  if (image.src !== source) image.src = source
  const guess = best(probabilities)
  image.alt = `${classes[target]}, taken for ${classes[guess]}`
  truth.textContent = `${guess === target ? '✓' : '✕'} ${classes[target]}`
  const order = probabilities.map((p, i) => [p, i]).toSorted((a, b) => b[0] - a[0])
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
