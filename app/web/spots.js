// Places for labels that keep clear of lines and of each other.

/** Boxes beside a point, `gap` away: above, below, left, right; with a cost of their own. */
export function around([x, y], wide, high, gap, cost = 0) {
  return [
    [x - wide / 2, y - high - gap, cost], [x - wide / 2, y + gap, cost],
    [x - wide - gap, y - high / 2, cost], [x + gap, y - high / 2, cost],
  ]
}

/** Spots for labels: each takes the first of its candidates that is free, else the least covered. */
export class Spots {
  constructor(width, height) {
    this.frame = { x0: 2, y0: 2, x1: width - 2, y1: height - 2 }
    this.taken = []
  }

  keep(x0, y0, x1, y1, owner = null) {
    this.taken.push({ x0, y0, x1, y1, owner })
  }

  /** A line's points: all names keep off them, its owner's apart. */
  keepPoints(points, radius, owner = null) {
    points.forEach(([x, y]) => this.keep(x - radius, y - radius, x + radius, y + radius, owner))
  }

  /** A broken line through points, as far as labels need to keep off it. */
  keepWay(points, every, radius, owner = null) {
    points.slice(1).forEach(([x1, y1], i) => {
      const [x0, y0] = points[i]
      const pieces = Math.ceil(Math.min(1e3, Math.hypot(x1 - x0, y1 - y0)) / every)
      for (let part = 1; part < pieces; part += 1) {
        const share = part / pieces
        this.keepPoints([[x0 + share * (x1 - x0), y0 + share * (y1 - y0)]], radius, owner)
      }
    })
  }

  /** Take a box if nothing is there yet; says whether. */
  free(x0, y0, x1, y1) {
    const box = { x0, y0, x1, y1 }
    const free = this.covered(box) === 0 && this.outside(box) === 0
    if (free) this.taken.push(box)
    return free
  }

  /** Candidates are [x, y] of the box's upper left corner, and a cost of its own if it has one. */
  place(candidates, width, height, owner) {
    let best = null
    for (const [x, y, own = 0] of candidates) {
      const box = { x0: x, y0: y, x1: x + width, y1: y + height }
      const least = 1e3 * this.outside(box) + own
      if (best && least >= best.cost) continue
      const cost = least + this.covered(box, owner)
      if (!best || cost < best.cost) best = { box, cost }
      if (cost === 0) break
    }
    this.taken.push(best.box)
    this.cost = best.cost
    return [best.box.x0, best.box.y0]
  }

  covered(box, owner) {
    return this.taken.reduce((sum, other) => {
      if (owner && other.owner === owner) return sum
      const wide = Math.min(box.x1, other.x1) - Math.max(box.x0, other.x0)
      const high = Math.min(box.y1, other.y1) - Math.max(box.y0, other.y0)
      return wide > 0 && high > 0 ? sum + wide * high : sum
    }, 0)
  }

  outside(box) {
    const { x0, y0, x1, y1 } = this.frame
    return (
      Math.max(0, x0 - box.x0) + Math.max(0, box.x1 - x1) + Math.max(0, y0 - box.y0) + Math.max(0, box.y1 - y1)
    )
  }
}
