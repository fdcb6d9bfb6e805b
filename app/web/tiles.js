// A row of numbers that change.

import { formatted, keeper, make, style, theme as themeOf } from './dom.js'
import { hub } from './hub.js'

const CSS = `
.pp-tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(84px, 1fr)); gap: 16px;
  font: 400 13px/1.3 var(--st-font); color: var(--st-text-color); font-variant-numeric: tabular-nums; }
.pp-tiles > div { border-top: 2px solid var(--pp-grid); padding-top: 6px; min-width: 0; container-type: inline-size; }
.pp-tiles dt { color: var(--pp-muted); white-space: nowrap; overflow: hidden; text-overflow: ellipsis; font-weight: 400; }
.pp-tiles dd { margin: 0; font-size: min(21px, 16.5cqw); font-weight: 600; line-height: 1.3; white-space: nowrap; }
.pp-tiles.pp-lecture { font-size: 18px; }
.pp-tiles.pp-lecture dd { font-size: min(30px, 16.5cqw); }
.pp-tiles em { font-family: "STIX Two Math", "Cambria Math", Georgia, serif; font-style: italic; }
`

class Tiles {
  constructor(parent) {
    style('tiles', CSS)
    parent.querySelectorAll(':scope > .pp-tiles').forEach((old) => old.remove())
    this.root = make('dl', { class: 'pp-tiles' })
    parent.append(this.root)
  }

  update({ data, parentElement }) {
    const theme = themeOf(parentElement)
    this.root.style.setProperty('--pp-muted', theme.muted)
    this.root.style.setProperty('--pp-grid', theme.grid)
    this.root.classList.toggle('pp-lecture', data.lecture)
    const text = JSON.stringify(data)
    if (text !== this.text) {
      this.text = text
      this.data = data
      this.build()
      this.leave?.()
      const keys = data.tiles.flatMap((tile) => tile.series.split('|'))
      const tables = [...new Set(keys.map((key) => key.split('/')[1]))]
      this.leave = data.run ? hub.subscribe([data.run], tables, () => this.draw()) : null
    }
    this.draw()
  }

  build() {
    this.values = this.data.tiles.map(() => make('dd', {}, '–'))
    this.root.replaceChildren(
      ...this.data.tiles.map((tile, index) =>
        make(
          'div',
          { title: tile.help || null, 'data-tile': tile.label },
          make('dt', {}, tile.label, ...(tile.symbol ? [' ', make('em', {}, tile.symbol)] : [])),
          this.values[index],
        ),
      ),
    )
  }

  draw() {
    const { run, tiles } = this.data
    tiles.forEach((tile, index) => {
      const known = tile.series
        .split('|')
        .map((key) => hub.latest(run, key))
        .filter((value) => value !== undefined)
      const value = known.includes(null) ? null : known.length ? Math.max(...known) : undefined
      const text = run ? formatted(value, tile.format) : '–'
      if (this.values[index].textContent !== text) this.values[index].textContent = text
    })
  }

  destroy() {
    this.leave?.()
    this.root.remove()
  }
}

export const mount = keeper(Tiles)
