// The map of a whole network: fills in as runs end; a click asks the page for a cell's curve.

import { formatted, keeper, make, number, style } from './dom.js'
import { drawMap } from './map_draw.js'
import { mapRows } from './map_scale.js'
import { CAPTION, Picture } from './picture.js'
import { menu } from './quadratic_export.js'
import { shape } from './quadratic_svg.js'

const CSS = `
.pp-map { position: relative; }
.pp-map svg { display: block; width: 100%; font-family: var(--st-font); cursor: pointer; outline: none; touch-action: pan-y; }
.pp-map svg:focus-visible { outline: 2px solid var(--st-primary-color); }
.pp-map .pp-tip { position: absolute; pointer-events: none; max-width: 330px; padding: 6px 10px; border-radius: 5px; z-index: 4;
  background: var(--st-background-color); border: 1px solid var(--st-border-color); font: 400 14px/1.35 var(--st-font); }
.pp-map .pp-tip[hidden] { display: none; }
.pp-picture.pp-lecture .pp-caption { height: var(--head); line-height: calc(0.8 * var(--head)); font-size: calc(0.5 * var(--head)); }
.pp-picture.pp-lecture .pp-caption b { font-size: calc(0.6 * var(--head)); }
.pp-picture.pp-lecture .pp-tip { font-size: calc(0.5 * var(--head)); max-width: 520px; }
.pp-picture > .pp-save { position: absolute; right: 0; top: 0; }
`

const LARGEST = { usual: 1.2, lecture: 1.35 } // how far type grows with the window

class SweepMap extends Picture {
  constructor(parent) {
    super(parent)
    style('map', CSS)
    this.svg = shape('svg', { tabindex: 0, role: 'application', 'aria-label': 'Map of short runs; arrow keys move, Enter shows a curve' })
    this.scene = shape('g')
    this.ring = shape('rect', { fill: 'none', 'stroke-width': 3, rx: 2 })
    this.tip = make('div', { class: 'pp-tip', role: 'status', hidden: true })
    this.body.classList.add('pp-map')
    this.cells = []
    this.saving = menu('map', () => ({
      svg: this.svg, title: 'Where does training diverge?', theme: this.theme, rows: mapRows(this.payload),
    }))
    this.saving.hidden = true
    this.root.append(this.saving)
    this.svg.addEventListener('pointermove', (event) => this.hover(this.at(event), event))
    this.svg.addEventListener('pointerleave', () => (this.tip.hidden = true))
    this.svg.addEventListener('click', (event) => this.choose(this.at(event)))
    this.svg.addEventListener('keydown', (event) => this.key(event))
  }

  update(component) {
    this.component = component
    super.update({ ...component, data: { ...component.data, height: this.high(component.data) } })
  }

  /** What the window leaves below the page's head, for the map and the words under it. */
  high({ height, lecture }) {
    const above = this.root.getBoundingClientRect().top + (this.root.closest('.stMain')?.scrollTop ?? 0)
    const below = (lecture ? 112 : 140) * this.fit(lecture)
    return Math.max(height, Math.min(window.innerHeight - above - below, this.root.clientWidth * (lecture ? 0.75 : 0.6)))
  }

  /** On a larger window the same words fill the same share of the screen. */
  fit(lecture) {
    const room = Math.min(window.innerWidth / 1280, window.innerHeight / 720)
    return Math.max(1, Math.min(room, lecture ? LARGEST.lecture : LARGEST.usual))
  }

  redraw() {
    if (this.component && this.data) {
      const height = this.high(this.component.data)
      if (Math.abs(height - this.data.height) > 8) {
        this.data.height = height
        this.root.style.height = `${height}px`
      }
    }
    super.redraw()
  }

  title({ payload }) {
    const { finished, runs, steps, seeds } = payload
    const words = `${formatted(finished, 'd')} of ${formatted(runs, 'd')} runs, ${steps} steps each, ${seeds.length} ${seeds.length > 1 ? 'seeds' : 'seed'}`
    return ['Where does training diverge?', words]
  }

  draw(payload) {
    this.saving.hidden = Boolean(this.data.lecture) || this.root.clientWidth < 520
    if (!this.svg.isConnected) this.body.replaceChildren(this.svg, this.tip)
    const width = this.root.clientWidth
    const { lecture } = this.data
    const fit = this.fit(lecture)
    const head = lecture ? CAPTION * fit : CAPTION
    this.root.classList.toggle('pp-lecture', Boolean(lecture))
    this.root.style.setProperty('--head', `${head}px`)
    const height = this.data.height - head
    this.svg.setAttribute('height', height)
    const size = lecture ? { font: 24 * fit, small: 1, line: 5 * fit } : { font: 14 * fit, small: 0.93, line: 3 * fit }
    this.cells = drawMap(this.scene, payload, { width, height, size, theme: this.theme })
    this.svg.setAttribute('viewBox', `0 0 ${width} ${height}`)
    this.svg.replaceChildren(this.scene, this.ring)
    this.focused = this.cells.find(({ cell }) => cell === this.data.selected) ?? null
    this.mark()
  }

  mark() {
    const cell = this.focused
    this.ring.setAttribute('visibility', cell ? 'visible' : 'hidden')
    if (!cell) return
    const place = { x: cell.x0 - 1, y: cell.y0 - 1, width: cell.x1 - cell.x0 + 2, height: cell.y1 - cell.y0 + 2, stroke: this.theme.text }
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
    this.tip.textContent = this.words(cell)
    const box = this.svg.getBoundingClientRect()
    const [x, y] = event ? [event.clientX - box.left, event.clientY - box.top] : [cell.x1, cell.y1]
    const { offsetWidth, offsetHeight } = this.tip
    this.tip.style.left = `${Math.max(0, Math.min(x + 14, box.width - offsetWidth))}px`
    this.tip.style.top = `${Math.max(0, Math.min(y + 14, box.height - offsetHeight))}px`
  }

  words({ method, index }) {
    const found = this.payload.methods[method]
    const tau = found.solver === 'explicit' ? '' : `, τ ${number(found.tau[index])}`
    const runs = found.outcomes[index].map((outcome, seed) => {
      if (!outcome) return 'pending'
      return outcome === 'diverged' ? found.words[index][seed] || 'diverged' : `${outcome === 'collapsed' ? 'collapsed, ' : ''}loss ${number(found.losses[index][seed])}`
    })
    return `${found.label}, η ${number(found.lr[index])}${tau}: ${[...new Set(runs)].join('; ')}`
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
      .sort(([, a], [, b]) => Math.hypot(a[0] - cx, 3 * (a[1] - cy)) - Math.hypot(b[0] - cx, 3 * (b[1] - cy)))
    this.focused = ahead[0]?.[0] ?? now
    this.mark()
    this.hover(this.focused)
  }
}

export const mount = keeper(SweepMap)
