// The layers' figure: drawn by the server, sized by the window; its lines are named where they run clear.

import { keeper, make, style, theme as themeOf } from './dom.js'
import { nameLines } from './layers_names.js'
import { loadPlotly } from './plotly.js'
import { menu } from './quadratic_export.js'

const CSS = `
.pp-layers { position: relative; width: 100%; overflow: hidden; }
.pp-layers > .pp-save { position: absolute; right: 0; top: 0; z-index: 3; }
.pp-layers > .pp-save[hidden] { display: none; }
.pp-layers .pp-waits { font: 400 15px/1.4 var(--st-font); color: var(--st-text-color); padding: 20px 0; }
`
const LARGEST = { usual: 1.2, lecture: 1.5 } // how far type grows with the window

class LayersView {
  constructor(parent) {
    style('layers', CSS)
    parent.querySelectorAll(':scope > .pp-layers').forEach((old) => old.remove())
    this.root = make('div', { class: 'pp-layers' })
    this.plot = make('div')
    this.saving = menu('layers', () => ({ rows: rows(this.data), image: (format, file) => this.image(format, file) }))
    this.root.append(this.plot, this.saving)
    parent.append(this.root)
    this.resizing = new ResizeObserver(() => this.later())
    this.resizing.observe(this.root)
    this.resized = () => this.later()
    window.addEventListener('resize', this.resized)
  }

  update({ data, parentElement }) {
    this.theme = themeOf(parentElement)
    this.data = data
    this.saving.hidden = Boolean(data.lecture)
    loadPlotly(data.plotly)
      .then((plotly) => {
        this.plotly = plotly
        this.later()
      })
      .catch((error) => this.root.replaceChildren(make('div', { class: 'pp-waits', role: 'alert' }, error.message)))
  }

  later() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null
      this.draw()
    })
  }

  async draw() {
    const width = this.root.clientWidth
    if (!width || !this.plotly || !this.plot.isConnected) return
    const { figure, least, below, lecture } = this.data
    const room = Math.min(window.innerWidth / 1280, window.innerHeight / 720)
    const fit = Math.max(1, Math.min(room, lecture ? LARGEST.lecture : LARGEST.usual))
    const above = this.root.getBoundingClientRect().top + (this.root.closest('.stMain')?.scrollTop ?? 0)
    const height = Math.max(least, Math.min(window.innerHeight - above - below * fit, width * 0.5))
    const wanted = JSON.stringify([figure, width, Math.round(height), fit, this.theme.dark])
    if (wanted === this.drawn) return
    this.drawn = wanted
    const { data, layout } = enlarged(structuredClone(figure), fit)
    Object.assign(layout, { width, height, uirevision: 'layers', autosize: false })
    await this.plotly.react(this.plot, data, layout, this.data.config)
    if (wanted !== this.drawn) return
    const names = nameLines(this.plot, this.theme, layout.font.size)
    await this.plotly.relayout(this.plot, { annotations: [...layout.annotations, ...names] })
  }

  /** The file has a background of its own: the page's is not part of the figure. */
  async image(format, file) {
    const { background } = this.theme
    await this.plotly.relayout(this.plot, { paper_bgcolor: background })
    await this.plotly.downloadImage(this.plot, { format, filename: file.replace(/\.\w+$/, ''), scale: format === 'png' ? 2 : 1 })
    await this.plotly.relayout(this.plot, { paper_bgcolor: 'rgba(0,0,0,0)' })
  }

  destroy() {
    cancelAnimationFrame(this.frame)
    this.resizing.disconnect()
    window.removeEventListener('resize', this.resized)
    if (this.plotly) this.plotly.purge(this.plot)
    this.root.remove()
  }
}

/** The same figure with type, lines and margins `fit` times as large. */
function enlarged({ data, layout }, fit) {
  const grow = (owner, ...keys) => keys.forEach((key) => owner?.[key] && (owner[key] *= fit))
  data.forEach(({ line, marker }) => [[line, 'width'], [marker, 'size']].forEach(([owner, key]) => grow(owner, key)))
  grow(layout.font, 'size')
  grow(layout.margin, 'l', 't', 'b')
  layout.annotations = (layout.annotations ?? []).map((note) => {
    grow(note.font, 'size')
    return note
  })
  Object.entries(layout).forEach(([name, axis]) => {
    if (!/^[xy]axis\d*$/.test(name)) return
    grow(axis.tickfont, 'size')
    grow(axis.title?.font, 'size')
  })
  return { data, layout }
}

/** What is drawn as a table: one line a point. */
function rows({ figure, layers }) {
  const lines = figure.data.filter(({ meta }) => meta)
  const quantity = lines[0]?.name && figure.layout.yaxis.title.text.startsWith('gain') ? 'gain' : 'factor'
  return [
    ['layer', 'step', 'eigenvalue', quantity],
    ...lines.flatMap(({ meta, xaxis, x, y }) =>
      Array.from(x, (value, i) => [layers[Number((xaxis ?? 'x').slice(1) || 1) - 1], meta, value, y[i]]),
    ),
  ]
}

export const mount = keeper(LayersView)
