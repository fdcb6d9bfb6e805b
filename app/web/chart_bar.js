// The chart's title and buttons: quantity, axis, scale, smoothing, export.

import { CLOCKS } from './chart_choice.js'
import { make } from './dom.js'
import { menu } from './save.js'

/** The elements of the bar; `choose`, `look` and `save` are called with what was pressed. */
export function buildBar(data, { choose, look, save }) {
  const { title, quantities, figure: { data: traces, layout: { meta } } } = data
  const numbers = meta.csv || traces.some((trace) => trace.meta?.run !== undefined) // and no mere sketch of them
  const button = (name, attributes, click) => make('button', { type: 'button', ...attributes, onclick: click }, name)
  const group = (label, ...buttons) => make('div', { role: 'group', 'aria-label': label }, ...buttons)
  const quantity = ({ series, name }) => button(name, { 'data-quantity': series }, () => look(series))
  const axis = (x) => button(x, { 'data-axis': x }, () => choose({ x }, 'x'))
  const log = () => button('log', { 'data-log': '', title: 'Logarithmic vertical axis' }, () => choose('log', 'y'))
  const running = 'Running mean of the last few evaluations; the measured values stay, faintly'
  const smooth = () => button('smooth', { 'data-smooth': '', title: running }, () => choose('smooth'))
  return [
    data.headed && make('h3', { class: 'pp-title', title: data.help || null }, title),
    button('reset zoom', { 'data-reset': '', hidden: true }, () => choose({ ranges: {} })),
    quantities.length > 1 && group('Quantity', ...quantities.map(quantity)),
    data.xSwitch && group('Horizontal axis', ...CLOCKS.map(axis)),
    meta.logs?.length > 0 && group('Vertical scale', log()),
    data.smoothing > 0 && group('Smoothing', smooth()),
    menu(save, '', numbers ? undefined : ['svg', 'png']),
  ].filter(Boolean)
}

/** Show which buttons are pressed. */
export function pressBar(bar, choice) {
  const pressed = (selector, on) => {
    for (const button of bar.querySelectorAll(selector)) button.setAttribute('aria-pressed', String(on(button.dataset)))
  }
  pressed('[data-axis]', ({ axis }) => axis === choice.x)
  pressed('[data-quantity]', ({ quantity }) => quantity === choice.quantity)
  pressed('[data-log]', () => choice.log)
  pressed('[data-smooth]', () => Boolean(choice.smooth))
  bar.querySelector('[data-reset]').hidden = !Object.keys(choice.ranges).length
}
