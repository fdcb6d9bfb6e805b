// Plotly's script: fetched once per page, from our own address.

import { make } from './dom.js'

let plotly = null

export function loadPlotly(url) {
  plotly ??= new Promise((resolve, reject) => {
    if (window.Plotly) return resolve(window.Plotly)
    const script = make('script', { src: url })
    script.onload = () => resolve(window.Plotly)
    script.onerror = () => {
      plotly = null // the next chart tries again
      reject(new Error('The chart library could not be loaded; reload the page.'))
    }
    return document.head.append(script)
  })
  return plotly
}
