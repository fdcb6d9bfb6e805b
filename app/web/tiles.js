// A row of numbers that change.

import { make, stylesheet, write } from './dom.js'
import { formatted } from './format.js'
import { hub } from './hub.js'
import { View, keeper } from './view.js'

await stylesheet(import.meta.url)

class Tiles extends View {
  constructor(parent) {
    super(parent, 'tiles', 'dl')
  }

  update({ run, tiles }) {
    const text = JSON.stringify(tiles)
    if (text !== this.text) {
      this.text = text
      this.values = tiles.map(() => make('dd', {}, '–'))
      this.root.replaceChildren(...tiles.map(({ label, symbol, help }, index) =>
        make('div', { title: help || null, 'data-tile': label },
          make('dt', {}, label, ...(symbol ? [' ', make('em', {}, symbol)] : [])), this.values[index])))
    }
    const tables = tiles.flatMap(({ series }) => series.split('|')).map((key) => key.split('/')[1])
    this.follow(run ? [run] : [], [...new Set(tables)])
  }

  draw() {
    const { run, tiles } = this.data
    tiles.forEach(({ series, format }, index) => {
      const known = series.split('|').map((key) => hub.latest(run, key)).filter((value) => value !== undefined)
      const value = known.includes(null) ? null : known.length ? Math.max(...known) : undefined
      write(this.values[index], run ? formatted(value, format) : '–')
    })
  }
}

export const mount = keeper(Tiles)
