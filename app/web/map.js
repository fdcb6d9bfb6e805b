// The map of a whole network: fills in as runs end; a click asks the page for a cell's curve.

import { make, shape, stylesheet } from './dom.js'
import { formatted, number } from './format.js'
import { drawMap } from './map_draw.js'
import { mapRows } from './map_scale.js'
import { CAPTION, Picture } from './picture.js'
import { download, menu, saveDrawing, table } from './save.js'
import { keeper } from './view.js'

await stylesheet(import.meta.url)

const QUESTION = 'Where does training diverge?'
const LARGEST = { usual: 1.2, lecture: 1.5 } // how far type grows with the window

class SweepMap extends Picture {
  constructor(parent) {
    super(parent)
    this.svg = shape('svg', {
      tabindex: 0, role: 'application', 'aria-label': 'Map of short runs; arrow keys move, Enter shows a curve',
      onpointermove: (event) => this.hover(this.at(event), event), onpointerleave: () => (this.tip.hidden = true),
      onclick: (event) => this.choose(this.at(event)), onkeydown: (event) => this.key(event),
    })
    this.scene = shape('g')
    this.ring = shape('rect', { fill: 'none', 'stroke-width': 3, rx: 2 })
    this.tip = make('div', { class: 'pp-tip', role: 'status', hidden: true })
    this.body.classList.add('pp-map')
    this.cells = []
    this.saving = menu((format) => this.save(format), 'map-')
    this.saving.hidden = true
    this.root.append(this.saving)
  }

  update(data) {
    super.update({ ...data, height: this.high(data) })
  }

  fit() {
    return super.fit(LARGEST[this.data.lecture ? 'lecture' : 'usual'])
  }

  /** What the window leaves below the page's head, for the map and the words under it. */
  high({ height, lecture }) {
    const below = (lecture ? 112 : 140) * this.fit()
    return Math.max(height, Math.min(this.room() - below, this.root.clientWidth * (lecture ? 0.75 : 0.6)))
  }

  title({ payload }) {
    const { finished, runs, steps, seeds } = payload
    const each = `${steps} steps each, ${seeds.length} ${seeds.length > 1 ? 'seeds' : 'seed'}`
    return [QUESTION, `${formatted(finished, 'd')} of ${formatted(runs, 'd')} runs, ${each}`]
  }

  paint(payload) {
    const { lecture, selected } = this.data
    const width = this.root.clientWidth
    const fit = this.fit()
    const head = lecture ? CAPTION * fit : CAPTION
    const height = this.high(this.data)
    this.saving.hidden = lecture || width < 520
    if (!this.svg.isConnected) this.body.replaceChildren(this.svg, this.tip)
    this.root.style.height = `${height}px`
    this.root.style.setProperty('--head', `${head}px`)
    this.svg.setAttribute('height', height - head)
    const size = lecture ? { font: 24 * fit, small: 1, line: 5 * fit } : { font: 14 * fit, small: 0.93, line: 3 * fit }
    this.cells = drawMap(this.scene, payload, { width, height: height - head, size, theme: this.theme })
    this.svg.setAttribute('viewBox', `0 0 ${width} ${height - head}`)
    this.svg.replaceChildren(this.scene, this.ring)
    this.focused = this.cells.find(({ cell }) => cell === selected) ?? null
    this.mark()
  }

  save(format) {
    const file = `proxprop-map.${format}`
    if (format === 'csv') download(file, table(mapRows(this.payload)))
    else saveDrawing(format, file, { svg: this.svg, title: QUESTION, theme: this.theme })
  }

  mark() {
    this.ring.setAttribute('visibility', this.focused ? 'visible' : 'hidden')
    if (!this.focused) return
    const { x0, x1, y0, y1 } = this.focused
    const place = { x: x0 - 1, y: y0 - 1, width: x1 - x0 + 2, height: y1 - y0 + 2, stroke: this.theme.text }
    for (const [name, value] of Object.entries(place)) this.ring.setAttribute(name, value)
  }

  at(event) {
    const box = this.svg.getBoundingClientRect()
    const [x, y] = [event.clientX - box.left, event.clientY - box.top]
    return this.cells.find((cell) => x >= cell.x0 && x < cell.x1 && y >= cell.y0 && y < cell.y1)
  }

  hover(cell, event) {
    this.tip.hidden = !cell
    if (!cell) return
    this.tip.textContent = this.describe(cell)
    const box = this.svg.getBoundingClientRect()
    const [x, y] = event ? [event.clientX - box.left, event.clientY - box.top] : [cell.x1, cell.y1]
    const { offsetWidth, offsetHeight } = this.tip
    this.tip.style.left = `${Math.max(0, Math.min(x + 14, box.width - offsetWidth))}px`
    this.tip.style.top = `${Math.max(0, Math.min(y + 14, box.height - offsetHeight))}px`
  }

  describe({ method, index }) {
    const { label, solver, lr, tau, outcomes, losses, words } = this.payload.methods[method]
    const proximal = solver === 'explicit' ? '' : `, τ ${number(tau[index])}`
    const runs = outcomes[index].map((outcome, seed) => {
      if (!outcome) return 'pending'
      if (outcome === 'diverged') return words[index][seed] || 'diverged'
      return `${outcome === 'collapsed' ? 'collapsed, ' : ''}loss ${number(losses[index][seed])}`
    })
    return `${label}, η ${number(lr[index])}${proximal}: ${[...new Set(runs)].join('; ')}`
  }

  choose(cell) {
    if (!cell || !this.data.clickable) return
    this.focused = cell
    this.mark()
    this.component.setTriggerValue('cell', cell.cell)
  }

  key(event) {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key]
    if (event.key === 'Enter') this.choose(this.focused)
    if (!step || !this.cells.length) return
    event.preventDefault()
    const now = this.focused ?? this.cells[0]
    const middle = ({ x0, x1, y0, y1 }) => [(x0 + x1) / 2, (y0 + y1) / 2]
    const [cx, cy] = middle(now)
    const ahead = this.cells
      .map((cell) => [cell, middle(cell)])
      .filter(([, [x, y]]) => (step[0] ? (x - cx) * step[0] > 1 && Math.abs(y - cy) < 2 : (y - cy) * step[1] > 1))
      .toSorted(([, a], [, b]) => Math.hypot(a[0] - cx, 3 * (a[1] - cy)) - Math.hypot(b[0] - cx, 3 * (b[1] - cy)))
    this.focused = ahead[0]?.[0] ?? now
    this.mark()
    this.hover(this.focused)
  }
}

export const mount = keeper(SweepMap)
