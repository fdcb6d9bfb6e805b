// Small things for drawing with SVG: elements, line styles, labels that keep clear of each other.

const SVG = 'http://www.w3.org/2000/svg'
const DASHES = { solid: '', dash: '9 6', dot: '2 5', longdash: '18 7' }

export function shape(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== null) element.setAttribute(name, value)
  }
  element.append(...children)
  return element
}

export const pixels = (value) => value.toFixed(2)

/** A path through points in pixels; leaves out what is not finite. */
export function through(points) {
  let started = false
  return points
    .filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y))
    .map(([x, y]) => {
      const text = `${started ? 'L' : 'M'}${pixels(x)} ${pixels(y)}`
      started = true
      return text
    })
    .join('')
}

/** Attributes of a line of this look; lecture mode is for the last row. */
export function stroke(look, size) {
  const scale = size.line / 2.5
  const dash = DASHES[look.dash]?.split(' ').map((part) => part && Number(part) * Math.sqrt(scale)).join(' ')
  return {
    fill: 'none', stroke: look.color, 'stroke-width': size.line, 'stroke-linejoin': 'round',
    'stroke-linecap': look.dash === 'dot' ? 'round' : 'butt', 'stroke-dasharray': dash || undefined,
  }
}

/** The look of a sample of a line: a long dash starts with half of one, so that its gap is seen. */
function sample(look, size) {
  const found = stroke(look, size)
  const [long] = look.dash === 'longdash' ? found['stroke-dasharray'].split(' ') : [0]
  return { ...found, 'stroke-dashoffset': long ? Number(long) / 2 : undefined }
}

/** A short sample of a line, for labels and captions. */
export function swatch(look, size) {
  const width = size.font * 1.9
  const icon = shape('svg', { class: 'pp-swatch', width, height: size.font * 0.6, 'aria-hidden': 'true' })
  const y = size.font * 0.3
  icon.append(shape('line', { x1: 0, x2: width, y1: y, y2: y, ...sample(look, size) }))
  return icon
}

let ruler = null
export function textWidth(text, font, family) {
  ruler ??= document.createElement('canvas').getContext('2d')
  ruler.font = `600 ${font}px ${family}`
  return ruler.measureText(text).width
}

/** Text with a halo of the background, readable on lines. */
export function label(text, x, y, { size, theme, anchor = 'start', weight = 400, color, scale = 1 }) {
  const element = shape('text', {
    x: pixels(x), y: pixels(y), 'text-anchor': anchor, 'font-size': size.font * scale, 'font-weight': weight,
    fill: color ?? theme.text, stroke: theme.background, 'stroke-width': 4, 'paint-order': 'stroke',
    'stroke-linejoin': 'round',
  })
  element.textContent = text
  return element
}

/** Spots for labels: each takes the first of its candidates that is free, else the least covered. */
export class Spots {
  constructor(width, height) {
    this.frame = { x0: 2, y0: 2, x1: width - 2, y1: height - 2 }
    this.taken = []
  }

  keep(x0, y0, x1, y1, owner = null) {
    this.taken.push({ x0, y0, x1, y1, owner })
  }

  /** A line's points: all names keep off them, its owner's apart. */
  keepPoints(points, radius, owner = null) {
    points.forEach(([x, y]) => this.keep(x - radius, y - radius, x + radius, y + radius, owner))
  }

  /** A broken line through points, as far as labels need to keep off it. */
  keepWay(points, every, radius, owner = null) {
    points.slice(1).forEach(([x1, y1], i) => {
      const [x0, y0] = points[i]
      const pieces = Math.ceil(Math.min(1e3, Math.hypot(x1 - x0, y1 - y0)) / every)
      for (let part = 1; part < pieces; part += 1) {
        const share = part / pieces
        this.keepPoints([[x0 + share * (x1 - x0), y0 + share * (y1 - y0)]], radius, owner)
      }
    })
  }

  /** Take a box if nothing is there yet; says whether. */
  free(x0, y0, x1, y1) {
    const box = { x0, y0, x1, y1 }
    const found = this.covered(box) === 0 && this.outside(box) === 0
    if (found) this.taken.push(box)
    return found
  }

  /** Candidates are [x, y] of the box's upper left corner, and a cost of its own if it has one. */
  place(candidates, width, height, owner) {
    let best = null
    for (const [x, y, own = 0] of candidates) {
      const box = { x0: x, y0: y, x1: x + width, y1: y + height }
      const cost = this.covered(box, owner) + 1e3 * this.outside(box) + own
      if (!best || cost < best.cost) best = { box, cost }
      if (cost === 0) break
    }
    this.taken.push(best.box)
    this.cost = best.cost
    return [best.box.x0, best.box.y0]
  }

  covered(box, owner) {
    return this.taken.reduce((sum, other) => {
      if (owner && other.owner === owner) return sum
      const wide = Math.min(box.x1, other.x1) - Math.max(box.x0, other.x0)
      const high = Math.min(box.y1, other.y1) - Math.max(box.y0, other.y0)
      return wide > 0 && high > 0 ? sum + wide * high : sum
    }, 0)
  }

  outside(box) {
    const { x0, y0, x1, y1 } = this.frame
    return (
      Math.max(0, x0 - box.x0) + Math.max(0, box.x1 - x1) + Math.max(0, y0 - box.y0) + Math.max(0, box.y1 - y1)
    )
  }
}

/** A label with its swatch, as a group; returns the group. */
export function tag(text, look, [x, y], { size, theme, scale = 1 }) {
  const font = size.font * scale
  const width = font * 1.5
  const middle = y + font * 0.62
  return shape(
    'g',
    {},
    shape('line', { x1: pixels(x), x2: pixels(x + width), y1: pixels(middle), y2: pixels(middle), ...sample(look, size) }),
    label(text, x + width + 5, y + font * 0.98, { size, theme, weight: 600, scale }),
  )
}

export function tagSize(text, { size, theme, scale = 1 }) {
  const font = size.font * scale
  return [font * 1.5 + 7 + textWidth(text, font, theme.font), font * 1.25]
}

/** Text whose λ_max and λ_min have a lowered index. */
export function subscripted(text, x, y, { size, theme, anchor, scale = 1 }) {
  const element = label('', x, y, { size, theme, anchor, scale })
  const drop = size.font * scale * 0.22
  let down = 0
  text.split(/_(max|min)/).forEach((part, i) => {
    if (!part) return
    const shift = (i % 2 ? drop : 0) - down
    down += shift
    const span = shape('tspan', { dy: pixels(shift), 'font-size': size.font * scale * (i % 2 ? 0.75 : 1) })
    span.textContent = part
    element.append(span)
  })
  return element
}
