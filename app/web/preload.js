// Nothing to see: fetches what charts and later pages need while the person still reads this one;
// keeps the history.

import './chart.js'
import { make } from './dom.js'
import { keepHistory } from './history.js'
import { loadPlotly } from './plotly.js'

let fetched = false

/** Have the browser fetch modules that nothing asks for yet. */
function fetchAhead(addresses) {
  if (fetched) return
  fetched = true
  const links = addresses.map((address) =>
    make('link', { rel: 'modulepreload', crossorigin: '', href: new URL(address, document.baseURI).href }))
  document.head.append(...links)
}

export function mount({ data }) {
  keepHistory()
  const whenIdle = window.requestIdleCallback ?? ((call) => setTimeout(call, 200))
  const later = () => whenIdle(() => fetchAhead(data.widgets), { timeout: 2000 })
  whenIdle(() => loadPlotly(data.plotly).then(later, later), { timeout: 2000 })
}
