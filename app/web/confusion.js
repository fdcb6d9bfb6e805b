// Which class is taken for which: rows are true classes, columns predicted ones.

import { make, stylesheet } from './dom.js'
import { CAPTION, Picture } from './picture.js'
import { keeper } from './view.js'

await stylesheet(import.meta.url)

class Confusion extends Picture {
  title({ step, payload }) {
    const total = payload.counts.flat().reduce((sum, count) => sum + count, 0)
    const right = payload.counts.reduce((sum, row, i) => sum + row[i], 0)
    const share = total ? ((100 * right) / total).toFixed(1) : '0'
    return ['Confusion', `${share} % right after step ${step} · true ↓, predicted →`]
  }

  paint({ classes, counts }) {
    const names = Math.min(110, Math.max(24, 9 * Math.max(...classes.map((name) => name.length))))
    const across = (this.root.clientWidth - names) / classes.length
    const side = Math.max(10, Math.min(56, across, (this.data.height - CAPTION - 24) / classes.length))
    const size = Math.max(9, Math.min(14, side / 2.4))
    const columns = make('tr', {}, make('th', { style: `width:${names}px` }))
    classes.forEach((name) =>
      columns.append(make('th', { title: `predicted ${name}`, style: `width:${side}px;height:22px` }, name)),
    )
    const rows = counts.map((row, truth) => {
      const total = row.reduce((sum, count) => sum + count, 0) || 1
      const cells = row.map((count, guess) => this.cell(count, count / total, side, classes, truth, guess))
      return make('tr', { style: `height:${side}px` }, make('th', { title: classes[truth] }, classes[truth]), ...cells)
    })
    this.body.replaceChildren(
      make(
        'table',
        { class: 'pp-confusion', style: `font-size:${size}px;width:${names + side * classes.length}px` },
        make('thead', {}, columns),
        make('tbody', {}, ...rows),
      ),
    )
  }

  cell(count, share, side, classes, truth, guess) {
    const hue = truth === guess ? '0,114,178' : '213,94,0'
    const depth = count ? 0.12 + 0.88 * Math.sqrt(share) : 0
    const light = depth > 0.55 ? 'color:#fff;' : ''
    const title = `${count} × ${classes[truth]} taken for ${classes[guess]}`
    return make(
      'td',
      { title, style: `width:${side}px;background:rgba(${hue},${depth.toFixed(3)});${light}` },
      count ? String(count) : '',
    )
  }
}

export const mount = keeper(Confusion)
