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
      this.steps = tiles.map(() => make('dd', { class: 'pp-after' }))
      this.root.replaceChildren(...tiles.map(({ label, symbol, help }, index) =>
        make('div', { title: help || null, 'data-tile': label },
          make('dt', {}, label, ...(symbol ? [' ', make('em', {}, symbol)] : [])), this.values[index], this.steps[index])))
    }
    const tables = tiles.flatMap(({ series }) => series.split('|')).map((key) => key.split('/').slice(1, -1).join('/'))
    this.follow(run ? [run] : [], [...new Set(tables)])
  }

  draw() {
    const { run, tiles } = this.data
    tiles.forEach(({ series, format }, index) => {
      const known = series.split('|').map((key) => hub.latest(run, key)).filter((value) => value !== undefined)
      const value = known.includes(null) ? null : known.length ? Math.max(...known) : undefined
      write(this.values[index], run ? formatted(value, format) : '–')
      // Whole sets are measured now and then: other numbers on the page may be of later steps.
      const step = series.includes('/evaluations/') ? hub.series(run, series)?.step.at(-1) : undefined
      write(this.steps[index], step === undefined ? '' : `after step ${formatted(step, 'd')}`)
    })
  }
}

export const mount = keeper(Tiles)
