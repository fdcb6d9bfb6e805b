// What is drawn, to take away: a picture, or the numbers.

import { make, shape, stylesheet } from './dom.js'

await stylesheet(import.meta.url)

const HEAD = 34 // pixels of a drawing's title

/** A menu of formats; `save(format)` is called with the one chosen. */
export function menu(save, name = '', formats = ['svg', 'png', 'csv']) {
  const button = (format) => {
    const choose = () => {
      box.open = false
      save(format)
    }
    return make('button', { type: 'button', 'data-export': name + format, onclick: choose }, format.toUpperCase())
  }
  const box = make('details', { class: 'pp-export' },
    make('summary', { title: 'Save what is drawn' }, 'export'),
    make('div', {}, ...formats.map(button)))
  box.addEventListener('focusout', (event) => {
    if (!box.contains(event.relatedTarget)) box.open = false
  })
  return box
}

/** Hand a file to the browser: a blob, or a picture that its address contains. */
export function download(name, content) {
  const url = content instanceof Blob ? URL.createObjectURL(content) : content
  make('a', { href: url, download: name }).click()
  if (content instanceof Blob) setTimeout(() => URL.revokeObjectURL(url), 10000)
}

/** Rows as a table that any program reads. */
export function table(rows) {
  const cell = (value) => (/[",\n]/.test(value) ? `"${String(value).replaceAll('"', '""')}"` : value)
  return new Blob([rows.map((row) => `${row.map(cell).join(',')}\n`).join('')], { type: 'text/csv' })
}

/** Save an SVG drawing with its title, on a background of its own. */
export function saveDrawing(format, file, { svg, title, theme }) {
  const [, , width, height] = svg.getAttribute('viewBox').split(' ').map(Number)
  const copy = svg.cloneNode(true)
  copy.querySelectorAll('.pp-grip').forEach((grip) => grip.remove())
  for (const [name, value] of Object.entries({ y: HEAD, width, height })) copy.setAttribute(name, value)
  const size = { width, height: height + HEAD }
  const page = shape('svg', { ...size, viewBox: `0 0 ${width} ${height + HEAD}`, 'font-family': theme.font },
    shape('rect', { ...size, fill: theme.background }),
    shape('text', { x: 8, y: 23, 'font-size': 17, 'font-weight': 600, fill: theme.text }, title), copy)
  const vector = new Blob([new XMLSerializer().serializeToString(page)], { type: 'image/svg+xml' })
  if (format === 'svg') download(file, vector)
  else raster(vector, size, (blob) => download(file, blob))
}

function raster(vector, { width, height }, done) {
  const image = new Image()
  image.onload = () => {
    const canvas = make('canvas', { width: 2 * width, height: 2 * height })
    canvas.getContext('2d').drawImage(image, 0, 0, 2 * width, 2 * height)
    URL.revokeObjectURL(image.src)
    canvas.toBlob(done, 'image/png')
  }
  image.src = URL.createObjectURL(vector)
}
