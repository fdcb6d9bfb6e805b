// Nothing to see: fetches what charts need while the person still reads the form; keeps the history.

import './chart.js'
import { keepHistory } from './history.js'
import { loadPlotly } from './plotly.js'

export function mount({ data }) {
  keepHistory()
  const whenIdle = window.requestIdleCallback ?? ((call) => setTimeout(call, 200))
  whenIdle(() => loadPlotly(data.plotly).catch(() => {}), { timeout: 2000 })
}
