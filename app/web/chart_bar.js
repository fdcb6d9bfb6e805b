// The chart's title and buttons: quantity, axis, scale, smoothing, export.

import { make } from './dom.js'

export const AXES = ['step', 'epoch', 'seconds']

/** The elements of the bar; `choose`, `look` and `save` are told what was pressed. */
export function buildBar(options, view, { choose, look, save }) {
  const button = (name, attributes, click) =>
    make('button', { type: 'button', ...attributes, onclick: click }, name)
  const group = (label, ...buttons) => make('div', { role: 'group', 'aria-label': label }, ...buttons)
  const quantities = options.quantities.map(({ series, name }) =>
    button(name, { 'data-quantity': series }, () => look(series)),
  )
  const axes = AXES.map((name) =>
    button(name, { 'data-axis': name, 'aria-pressed': String(view.x === name) }, () =>
      choose({ x: name, xRange: null }),
    ),
  )
  const log = button('log', { 'data-log': '', title: 'Logarithmic vertical axis' }, () =>
    choose({ log: !view.log, yRange: null }),
  )
  const smooth = button(
    'smooth',
    { 'data-smooth': '', title: 'Running mean of the last few evaluations; the measured values stay, faintly' },
    () => choose({ smooth: !view.smooth }),
  )
  const reset = button('reset zoom', { 'data-reset': '', hidden: true }, () =>
    choose({ xRange: null, yRange: null }),
  )
  return [
    make('h3', { class: 'pp-title' }, options.title),
    reset,
    quantities.length > 1 && group('Quantity', ...quantities),
    options.xSwitch && group('Horizontal axis', ...axes),
    group('Vertical scale', log),
    options.smoothing > 0 && group('Smoothing', smooth),
    exports(button, save),
  ].filter(Boolean)
}

function exports(button, save) {
  const menu = make(
    'details',
    { class: 'pp-export' },
    make('summary', { title: 'Save what is drawn' }, 'export'),
    make(
      'div',
      {},
      ...['svg', 'png', 'csv'].map((format) =>
        button(format.toUpperCase(), { 'data-export': format }, () => save(format)),
      ),
    ),
  )
  menu.addEventListener('focusout', (event) => {
    if (!menu.contains(event.relatedTarget)) menu.open = false
  })
  return menu
}
