// Elements, texts and colours: what every component needs of the browser.

const SVG = 'http://www.w3.org/2000/svg'

/** Make an element with attributes and children; `on…` attributes are listeners. */
export function make(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children)
}

/** The same for a drawing's elements. */
export function shape(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children)
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value)
    else if (value !== undefined && value !== null && value !== false)
      element.setAttribute(name, value === true ? '' : value)
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== false))
  return element
}

/** Write only what changed: a screen reader announces every write. */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text
}

/** Load the stylesheet beside a module, once per page; resolves when it is in force. */
export function stylesheet(module) {
  const href = module.replace(/\.js$/, '.css')
  const id = `proxprop-${href.split('/').at(-1)}`
  const old = document.getElementById(id)
  if (old?.href === href) return old.loaded
  const link = make('link', { id, rel: 'stylesheet', href })
  link.loaded = new Promise((resolve) => {
    link.onload = link.onerror = resolve
  }).then(() => old?.remove())
  document.head.append(link)
  return link.loaded
}

let pen = null

/** Width of a text in pixels. */
export function textWidth(text, size, family, weight = 400) {
  pen ??= document.createElement('canvas').getContext('2d')
  pen.font = `${weight} ${size}px ${family}`
  return pen.measureText(text).width
}

/** Red, green and blue of any colour that CSS knows; white where it is not opaque. */
export function rgb(color) {
  pen ??= document.createElement('canvas').getContext('2d')
  pen.fillStyle = '#ffffff'
  pen.fillStyle = color
  const hex = pen.fillStyle.startsWith('#') ? pen.fillStyle : '#ffffff'
  return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16))
}

/** `color` with an opacity. */
export const faded = (color, opacity) => `rgba(${rgb(color).join()},${opacity})`

/** The colour of a value on a scale of stops between `cmin` and `cmax`, as Plotly draws it; null where there is none. */
export function colorAt(value, { colorscale, cmin, cmax }) {
  if (!colorscale || !(value >= -Infinity)) return null
  const at = Math.min(1, Math.max(0, (value - cmin) / (cmax - cmin)))
  const next = Math.max(1, colorscale.findIndex(([stop]) => stop >= at))
  const [[low, from], [high, to]] = [colorscale[next - 1], colorscale[next]]
  const share = (at - low) / (high - low || 1)
  const [first, last] = [rgb(from), rgb(to)]
  return `rgb(${first.map((part, i) => Math.round(part + share * (last[i] - part))).join()})`
}
