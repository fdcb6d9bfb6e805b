// Tensors as pictures on a canvas: one cell a number, purple below zero, green above.

import { make } from './dom.js'
import { number } from './format.js'

const NEGATIVE = [118, 42, 131]
const POSITIVE = [27, 120, 55]
const NEGATIVE_DARK = [194, 132, 205]
const POSITIVE_DARK = [104, 196, 132]
const GAP = 1 // cells between feature maps

/** One picture with its name and scale; `show` fills it, and nothing stays of what was there. */
export class Tile {
  constructor() {
    this.canvas = make('canvas', { width: 1, height: 1 })
    this.name = make('span', { class: 'pp-tile-name' })
    this.note = make('span', { class: 'pp-tile-note' })
    this.scale = make('span', { class: 'pp-tile-scale' })
    this.blank = make('div', { class: 'pp-tile-blank' })
    this.root = make(
      'figure',
      { class: 'pp-tile' },
      make('figcaption', {}, this.name, this.note),
      make('div', { class: 'pp-tile-frame' }, this.canvas, this.blank),
      this.scale,
    )
  }

  show(tile, theme, formulas) {
    const text = JSON.stringify([tile, theme.dark, theme.background])
    if (text === this.text) return
    this.text = text
    this.name.innerHTML = formulas[tile.label]
    this.note.textContent = tile.note
    this.root.dataset.side = tile.side ?? ''
    const { picture } = tile
    this.canvas.hidden = !picture
    this.blank.hidden = Boolean(picture)
    this.blank.textContent = picture ? '' : 'comes next'
    this.scale.textContent = picture ? words(picture) : '\u00a0'
    this.root.title = picture ? hint(picture) : ''
    if (!picture) return
    const image = pictureOf(picture, theme)
    this.canvas.width = image.width
    this.canvas.height = image.height
    this.canvas.getContext('2d').putImageData(image, 0, 0)
    this.canvas.classList.toggle('pp-whole', picture.kind === 'maps')
    this.canvas.setAttribute('role', 'img')
    this.canvas.setAttribute('aria-label', `${tile.note}, ${words(picture)}`)
  }
}

function words({ shape, scale, kind, count }) {
  const size = kind === 'maps' ? `${count < shape[1] ? `${count} of ` : ''}${shape[1]} maps` : shape.join(' × ')
  return `±${number(scale)} · ${size}`
}

function hint({ scale, rows, cols, shape, kind }) {
  const cells = kind === 'matrix' && (shape[0] > rows || shape[1] > cols)
  const most = cells ? ' Each cell shows the value of largest size in its block.' : ''
  const sample = kind === 'maps' ? ` Maps of ${shape[2]} × ${shape[3]}, of the first sample.` : ''
  return `Purple below zero, green above; full colour at ±${number(scale)}.${most}${sample}`
}

/** A matrix, or several feature maps side by side. */
function pictureOf({ count = 1, rows, cols, data }, theme) {
  const across = Math.ceil(Math.sqrt(count))
  const down = Math.ceil(count / across)
  const image = new ImageData(across * (cols + GAP) - GAP, down * (rows + GAP) - GAP)
  const cells = bytes(data)
  for (let i = 0; i < count; i += 1) {
    const [x, y] = [(i % across) * (cols + GAP), Math.floor(i / across) * (rows + GAP)]
    paint(image, cells.subarray(i * rows * cols, (i + 1) * rows * cols), x, y, rows, cols, theme)
  }
  return image
}

function bytes(text) {
  const raw = atob(text)
  return Int8Array.from(raw, (char) => char.charCodeAt(0))
}

function paint(image, cells, left, top, rows, cols, theme) {
  const zero = theme.dark ? [29, 34, 41] : [247, 247, 247]
  const [low, high] = theme.dark ? [NEGATIVE_DARK, POSITIVE_DARK] : [NEGATIVE, POSITIVE]
  for (let y = 0; y < rows; y += 1) {
    for (let x = 0; x < cols; x += 1) {
      const level = cells[y * cols + x] / 127
      const end = level < 0 ? low : high
      const share = Math.abs(level) ** 0.7 // small values stay visible
      const at = 4 * ((top + y) * image.width + left + x)
      for (let c = 0; c < 3; c += 1) image.data[at + c] = zero[c] + share * (end[c] - zero[c])
      image.data[at + 3] = 255
    }
  }
}
