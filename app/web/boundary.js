// How the network divides the plane, with the samples on top.

import { make, rgb } from './dom.js'
import { CAPTION, Picture } from './picture.js'
import { keeper } from './view.js'

class Boundary extends Picture {
  title({ step }) {
    return ['Decision boundary', `after step ${step}`]
  }

  paint(payload) {
    const side = Math.min(this.root.clientWidth, this.root.clientHeight - CAPTION)
    const ratio = window.devicePixelRatio || 1
    if (!this.canvas?.isConnected) {
      this.canvas = make('canvas', { role: 'img' })
      this.body.replaceChildren(this.canvas)
    }
    const { canvas } = this
    canvas.setAttribute('aria-label', `${this.caption.textContent}: ${payload.classes.join(' against ')}`)
    const pixels = Math.round(side * ratio)
    if (canvas.width !== pixels) canvas.width = canvas.height = pixels
    canvas.style.width = canvas.style.height = `${side}px`
    const pen = canvas.getContext('2d')
    pen.imageSmoothingEnabled = true
    pen.imageSmoothingQuality = 'high'
    pen.drawImage(this.field(payload), 0, 0, canvas.width, canvas.height)
    pen.setTransform(ratio, 0, 0, ratio, 0, 0)
    this.points(pen, payload, side)
    pen.setTransform(1, 0, 0, 1, 0, 0)
  }

  /** The probability as a small image, rows from high to low y. */
  field({ probability, size }) {
    const small = make('canvas', { width: size, height: size })
    const pen = small.getContext('2d')
    const image = pen.createImageData(size, size)
    const base = rgb(this.theme.background)
    const ends = this.data.classColors.slice(0, 2).map(rgb)
    probability.forEach((row, y) =>
      row.forEach((level, x) => {
        const lean = (2 * level) / 255 - 1 // −1: surely the first class, 1: surely the last
        const end = ends[lean > 0 ? 1 : 0]
        const share = 0.62 * Math.abs(lean) ** 0.8
        const at = 4 * ((size - 1 - y) * size + x)
        for (let c = 0; c < 3; c += 1) image.data[at + c] = base[c] + share * (end[c] - base[c])
        image.data[at + 3] = 255
      }),
    )
    pen.putImageData(image, 0, 0)
    return small
  }

  points(pen, { points, x, y }, side) {
    const radius = Math.max(2.5, side / 120)
    pen.lineWidth = 1
    pen.strokeStyle = this.theme.background
    points.x.forEach((value, i) => {
      const px = ((value - x[0]) / (x[1] - x[0])) * side
      const py = (1 - (points.y[i] - y[0]) / (y[1] - y[0])) * side
      pen.fillStyle = this.data.classColors[points.target[i] % this.data.classColors.length]
      pen.beginPath()
      // Shape repeats the colour's distinction.
      if (points.target[i] % 2) pen.rect(px - 0.9 * radius, py - 0.9 * radius, 1.8 * radius, 1.8 * radius)
      else pen.arc(px, py, radius, 0, 2 * Math.PI)
      pen.fill()
      pen.stroke()
    })
  }
}

export const mount = keeper(Boundary)
