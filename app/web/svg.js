// Lines and labels of drawings, in the looks that contenders have everywhere.

import { shape, textWidth } from './dom.js'

const DASHES = {
  dash: [9, 6], dot: [2, 5], longdash: [18, 7], dashdot: [9, 4, 2, 4], longdashdot: [18, 5, 2, 5],
}

export const pixels = (value) => value.toFixed(2)

/** A path through points in pixels; leaves out what is not finite. */
export function through(points) {
  const there = points.filter((point) => point.every(Number.isFinite))
  return there.map(([x, y], i) => `${i ? 'L' : 'M'}${pixels(x)} ${pixels(y)}`).join('')
}

/** Attributes of a line of this look; lecture mode is for the last row. */
export function stroke({ color, dash }, { line }) {
  const scale = Math.sqrt(line / 2.5)
  return {
    fill: 'none', stroke: color, 'stroke-width': line, 'stroke-linejoin': 'round',
    'stroke-linecap': dash === 'dot' ? 'round' : 'butt',
    'stroke-dasharray': DASHES[dash]?.map((part) => part * scale).join(' '),
  }
}

/** A short line of this look; a long dash starts with half of one, so that its gap is seen. */
function sample(look, size, x, y, width) {
  const attributes = stroke(look, size)
  const long = look.dash.startsWith('longdash') ? parseFloat(attributes['stroke-dasharray']) / 2 : undefined
  const place = { x1: pixels(x), x2: pixels(x + width), y1: pixels(y), y2: pixels(y) }
  return shape('line', { ...place, ...attributes, 'stroke-dashoffset': long })
}

/** A sample of a line, for names and captions. */
export function swatch(look, size) {
  const [width, height] = [size.font * 1.9, size.font * 0.6]
  const line = sample(look, size, 0, height / 2, width)
  return shape('svg', { class: 'pp-swatch', width, height, 'aria-hidden': 'true' }, line)
}

/** Text with a halo of the background, readable on lines. */
export function label(text, x, y, { size, theme, anchor = 'start', weight = 400, color = theme.text, scale = 1 }) {
  return shape('text', {
    x: pixels(x), y: pixels(y), 'text-anchor': anchor, 'font-size': size.font * scale, 'font-weight': weight,
    fill: color, stroke: theme.background, 'stroke-width': 4, 'paint-order': 'stroke', 'stroke-linejoin': 'round',
  }, text)
}

/** A label that is read from below, for vertical axes. */
export function upright(text, x, y, options) {
  const element = label(text, x, y, { ...options, anchor: 'middle' })
  element.setAttribute('transform', `rotate(-90 ${pixels(x)} ${pixels(y)})`)
  return element
}

/** A label with its swatch, as a group. */
export function tag(text, look, [x, y], { size, theme }) {
  const { font } = size
  const name = label(text, x + font * 1.5 + 5, y + font * 0.98, { size, theme, weight: 600 })
  return shape('g', {}, sample(look, size, x, y + font * 0.62, font * 1.5), name)
}

export function tagSize(text, { size, theme, scale = 1 }) {
  const font = size.font * scale
  return [font * 1.5 + 7 + textWidth(text, font, theme.font, 600), font * 1.25]
}

/** Text whose λ_max and λ_min have a lowered index. */
export function subscripted(text, x, y, options) {
  const { size, scale = 1 } = options
  const element = label('', x, y, options)
  const drop = size.font * scale * 0.22
  let down = 0
  text.split(/_(max|min)/).forEach((part, i) => {
    if (!part) return
    const shift = (i % 2 ? drop : 0) - down
    down += shift
    element.append(shape('tspan', { dy: pixels(shift), 'font-size': size.font * scale * (i % 2 ? 0.75 : 1) }, part))
  })
  return element
}
