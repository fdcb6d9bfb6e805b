// What is drawn, to take away: a picture with its caption, or the numbers.

import { make, style } from './dom.js'
import { shape } from './quadratic_svg.js'

const CSS = `
.pp-save { position: relative; flex: none; font: 400 13px/1.25 var(--st-font); color: var(--st-text-color); }
.pp-save :is(button, summary) { font: inherit; color: inherit; background: transparent; border: 1px solid var(--st-border-color);
  border-radius: 5px; padding: 2px 8px; margin: 0; cursor: pointer; white-space: nowrap; list-style: none; }
.pp-save :is(button, summary):hover { background: var(--st-secondary-background-color); }
.pp-save :is(button, summary):focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: 2px; }
.pp-save summary::-webkit-details-marker { display: none; }
.pp-save > div { position: absolute; right: 0; top: calc(100% + 4px); display: flex; gap: 4px; padding: 4px; z-index: 5;
  background: var(--st-background-color); border: 1px solid var(--st-border-color); border-radius: 5px; }
.pp-save > div button { border: 0; }
`

function download(name, blob) {
  const link = make('a', { href: URL.createObjectURL(blob), download: name })
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 10000)
}

/** A menu with SVG, PNG and CSV; `get` gives {svg, title, theme, rows}, or {image(format, file), rows}. */
export function menu(name, get) {
  style('save', CSS)
  const choice = (format) =>
    make('button', { type: 'button', 'data-export': `${name}-${format}`, onclick: () => save(name, format, get()) }, format.toUpperCase())
  const box = make(
    'details', { class: 'pp-save' }, make('summary', { title: 'Save what is drawn' }, 'export'),
    make('div', {}, ...['svg', 'png', 'csv'].map(choice)),
  )
  box.addEventListener('focusout', (event) => {
    if (!box.contains(event.relatedTarget)) box.open = false
  })
  box.addEventListener('click', (event) => {
    if (event.target.dataset.export) box.open = false
  })
  return box
}

function save(name, format, picture) {
  const file = `proxprop-${name}.${format}`
  if (format === 'csv') {
    const text = picture.rows.map((row) => row.join(',')).join('\n')
    return download(file, new Blob([`${text}\n`], { type: 'text/csv' }))
  }
  if (picture.image) return picture.image(format, file)
  const { text, width, height } = whole(picture)
  const vector = new Blob([text], { type: 'image/svg+xml' })
  return format === 'svg' ? download(file, vector) : raster(vector, width, height, (blob) => download(file, blob))
}

/** The drawing with its title on a background of its own. */
function whole({ svg, title, theme }) {
  const [, , width, height] = svg.getAttribute('viewBox').split(' ').map(Number)
  const head = 34
  const copy = svg.cloneNode(true)
  copy.querySelectorAll('.pp-grip').forEach((grip) => grip.remove())
  copy.setAttribute('y', head)
  copy.setAttribute('height', height)
  copy.setAttribute('width', width)
  const words = shape('text', { x: 8, y: 23, 'font-size': 17, 'font-weight': 600, fill: theme.text })
  words.textContent = title
  const page = shape(
    'svg',
    { xmlns: 'http://www.w3.org/2000/svg', width, height: height + head, viewBox: `0 0 ${width} ${height + head}`, 'font-family': theme.font },
    shape('rect', { width, height: height + head, fill: theme.background }), words, copy,
  )
  return { text: new XMLSerializer().serializeToString(page), width, height: height + head }
}

function raster(vector, width, height, done) {
  const image = new Image()
  const address = URL.createObjectURL(vector)
  image.onload = () => {
    const canvas = make('canvas', { width: 2 * width, height: 2 * height })
    canvas.getContext('2d').drawImage(image, 0, 0, 2 * width, 2 * height)
    URL.revokeObjectURL(address)
    canvas.toBlob(done, 'image/png')
  }
  image.src = address
}

export function pathRows({ lines }) {
  const kinds = Object.keys(lines)
  const rows = lines[kinds[0]].path.map((_, n) => [n, ...kinds.flatMap((kind) => lines[kind].path[n])])
  return [['step', ...kinds.flatMap((kind) => [`${kind}_x`, `${kind}_y`])], ...rows]
}

export function curveRows({ lambda, lines }) {
  const kinds = Object.keys(lines)
  return [['eigenvalue', ...kinds], ...lambda.map((value, i) => [value, ...kinds.map((kind) => lines[kind].curve[i])])]
}
