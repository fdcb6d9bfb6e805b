// One event stream per page. Components subscribe to runs and tables; the hub keeps what has
// arrived and notifies them. It closes the stream while the tab is hidden, since a browser allows six
// connections to a host, and resumes where it left off.

const EMPTY = { series: {}, marks: [], artifacts: {}, status: null }

class Hub {
  constructor() {
    this.runs = new Map() // id → {series, marks, artifacts, head fields, token}
    this.subscribers = new Set()
    this.source = null
    this.address = ''
    this.connected = true
    this.delay = 1000
    this.timer = null
    document.addEventListener('visibilitychange', () => this.refresh())
    window.addEventListener('pagehide', () => this.close())
    window.addEventListener('pageshow', () => this.refresh())
  }

  /** Call `notify` whenever one of `runs` has news; returns the way out. */
  subscribe(runs, tables, notify) {
    const subscriber = { runs: runs.filter(Boolean), tables, notify }
    this.subscribers.add(subscriber)
    this.later()
    return () => {
      this.subscribers.delete(subscriber)
      this.later()
    }
  }

  run(id) {
    return this.runs.get(id) ?? EMPTY
  }

  series(id, key) {
    return this.run(id).series[key]
  }

  latest(id, key) {
    return this.series(id, key)?.y.at(-1)
  }

  later() {
    clearTimeout(this.timer)
    this.timer = setTimeout(() => this.refresh(), 30)
  }

  refresh() {
    const wanted = (name) => [...new Set([...this.subscribers].flatMap((subscriber) => subscriber[name]))].toSorted()
    const [runs, tables] = [wanted('runs'), wanted('tables')]
    if (document.hidden || runs.length === 0) return this.close()
    const address = `runs=${runs.join(',')}&tables=${tables.join(',')}`
    if (this.source && address === this.address) return undefined
    this.close()
    // A token says what we have of the tables asked for before; with other tables it says nothing.
    if (this.tables !== tables.join(',')) this.runs.forEach((run) => (run.token = '-'))
    this.tables = tables.join(',')
    this.address = address
    return this.open(runs)
  }

  open(runs) {
    const last = runs.map((id) => this.runs.get(id)?.token ?? '-').join('_')
    const source = new EventSource(`api/stream?${this.address}&last=${encodeURIComponent(last)}`)
    this.source = source
    source.addEventListener('open', () => this.setConnected(true))
    source.addEventListener('update', (event) => this.receive(runs, event))
    source.addEventListener('error', () => {
      if (this.source !== source) return
      this.setConnected(false)
      if (source.readyState === EventSource.CLOSED) {
        // The browser gives up on an HTTP error; the server may only be restarting.
        this.close()
        this.delay = Math.min(this.delay * 2, 15000)
        this.timer = setTimeout(() => this.refresh(), this.delay)
      }
    })
  }

  close() {
    this.source?.close()
    this.source = null
    clearTimeout(this.timer)
  }

  setConnected(connected) {
    if (connected) this.delay = 1000
    if (this.connected === connected) return
    this.connected = connected
    this.subscribers.forEach(({ notify }) => notify())
  }

  receive(order, event) {
    const message = JSON.parse(event.data)
    const tokens = event.lastEventId.split('_')
    order.forEach((id, index) => {
      if (this.runs.has(id)) this.runs.get(id).token = tokens[index]
    })
    for (const [id, update] of Object.entries(message.runs)) this.apply(id, update, tokens[order.indexOf(id)])
    for (const { runs, notify } of this.subscribers) {
      if (runs.some((run) => run in message.runs)) notify()
    }
  }

  apply(id, update, token) {
    let run = this.runs.get(id)
    if (!run || run.revision !== update.revision) {
      run = { ...EMPTY, series: {} }
      this.runs.set(id, run)
    }
    const { series = {}, ...fields } = update
    Object.assign(run, fields, { token })
    for (const [key, delta] of Object.entries(series)) {
      run.series[key] = extend(run.series[key], delta)
    }
  }
}

/** Cut to the first `from` points, then append: the stream's only operation. */
export function extend(old, delta) {
  const grown = (name) => (old?.[name].slice(0, delta.from) ?? []).concat(delta[name])
  return { step: grown('step'), epoch: grown('epoch'), seconds: grown('seconds'), y: grown('y') }
}

// Other versions of this module may be loaded after an update of the server; they share one stream.
export const hub = (window.__proxpropHub ??= new Hub())
