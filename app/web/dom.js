// Small things every component needs: elements, colours of the theme, numbers as words.

/** Make an element with attributes and children. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value)
    else if (value !== undefined && value !== null && value !== false)
      element.setAttribute(name, value === true ? '' : value)
  }
  element.append(...children.filter((child) => child !== null && child !== undefined))
  return element
}

/** Add a stylesheet once per page. */
export function style(name, css) {
  const id = `proxprop-style-${name}`
  const old = document.getElementById(id)
  if (old?.textContent === css) return
  old?.remove()
  const element = make('style', { id })
  element.textContent = css
  document.head.append(element)
}

/** The theme's colours, as Streamlit hands them to components. */
export function theme(element) {
  const css = getComputedStyle(element)
  const read = (name, fallback) => css.getPropertyValue(name).trim() || fallback
  const background = read('--st-background-color', '#ffffff')
  const dark = luminance(background) < 0.4
  return {
    dark,
    background,
    panel: read('--st-secondary-background-color', dark ? '#1d2229' : '#f5f6f8'),
    text: read('--st-text-color', dark ? '#e6eaf0' : '#1f2328'),
    muted: dark ? '#a5adb8' : '#57606a',
    grid: dark ? '#2a3038' : '#e6e8eb',
    line: dark ? '#6b7480' : '#8b929b',
    font: read('--st-font', 'system-ui, sans-serif'),
  }
}

function luminance(color) {
  const probe = document.createElement('canvas').getContext('2d')
  probe.fillStyle = color
  const hex = probe.fillStyle
  const part = (at) => parseInt(hex.slice(at, at + 2), 16) / 255
  return hex.startsWith('#') ? 0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5) : 1
}

/** Three significant digits, as a person writes them. */
export function number(value, digits = 3) {
  if (value === undefined) return '–'
  if (value === null || !Number.isFinite(value)) return 'not finite'
  if (value === 0) return '0'
  const size = Math.abs(value)
  if (size >= 1e5 || size < 1e-3) {
    const [mantissa, exponent] = value.toExponential(digits - 1).split('e')
    return `${mantissa}·${power(Number(exponent))}`
  }
  return value.toPrecision(digits).includes('e')
    ? String(Math.round(value))
    : size >= 10 ** digits
      ? String(Math.round(value))
      : value.toPrecision(digits)
}

/** A power of ten: 10⁻³. */
export function power(exponent) {
  return `10${String(exponent).replace(/[-0-9]/g, (c) => (c === '-' ? '⁻' : '⁰¹²³⁴⁵⁶⁷⁸⁹'[c]))}`
}

/** A number in the way a tile's or an axis' format asks for. */
export function formatted(value, format) {
  if (value === undefined) return '–'
  if (value === null) return 'not finite'
  if (format.endsWith('%')) return `${(100 * value).toFixed(Number(format.slice(1, -1) || 0))} %`
  if (format === 's') return duration(value)
  if (format === 'd') return Math.round(value).toLocaleString('en').replace(/,/g, '\u2009')
  return number(value, Number(format.match(/\.(\d)/)?.[1] ?? 3))
}

/** Seconds with an SI prefix: 1.20 ms, 43 µs, 2.50 s. */
export function duration(seconds) {
  if (seconds === 0) return '0 s'
  for (const [unit, size] of [['s', 1], ['ms', 1e-3], ['µs', 1e-6]]) {
    if (Math.abs(seconds) >= size) return `${number(seconds / size)} ${unit}`
  }
  return `${number(seconds / 1e-9)} ns`
}

/** Time left, in the coarsest words that help: 8 s, 2 min 05 s, 1 h 10 min. */
export function timeLeft(seconds) {
  const whole = Math.max(1, Math.round(seconds))
  if (whole < 60) return `${whole} s`
  const pad = (value) => String(value).padStart(2, '0')
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${pad(whole % 60)} s`
  return `${Math.floor(whole / 3600)} h ${pad(Math.floor((whole % 3600) / 60))} min`
}

/**
 * Keep one instance per place on the page. Streamlit calls `mount` again whenever data or theme
 * change and may call an outdated cleanup, so an instance ends only once it has left the page.
 */
export function keeper(Instance) {
  const instances = new WeakMap()
  return (component) => {
    const { parentElement } = component
    let instance = instances.get(parentElement)
    if (!instance) {
      instance = new Instance(parentElement)
      instances.set(parentElement, instance)
    }
    instance.update(component)
    return () =>
      setTimeout(() => {
        if (parentElement.isConnected) return
        instance.destroy()
        if (instances.get(parentElement) === instance) instances.delete(parentElement)
      }, 0)
  }
}
