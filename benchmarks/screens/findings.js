// What is wrong with the look of this page, measured: an array of [kind, words].
() => {
  const found = []
  const say = (kind, words) => found.push([kind, words.replace(/\s+/g, ' ').slice(0, 160)])
  const TOUCH = 2 // pixels that two texts may share: boxes of letters are taller than the letters
  const SAMPLES = 300 // places of a curve that are looked at

  // -- what scrolls sideways
  const wide = document.documentElement.scrollWidth
  if (wide > window.innerWidth) say('scrolls sideways', `the page, ${wide} px in ${window.innerWidth}`)
  const main = document.querySelector('[data-testid=stMain]')
  if (main && main.scrollWidth > main.clientWidth + 1) say('scrolls sideways', `the page's body by ${main.scrollWidth - main.clientWidth} px`)

  // -- texts: every piece a person sees, with its box on the page
  const spoken = (node) => {
    const { width, height, clipPath } = node ? getComputedStyle(node) : {}
    return clipPath === 'inset(50%)' || (parseFloat(width) <= 1 && parseFloat(height) <= 1)
  }
  const hidden = (element) => {
    for (let at = element; at; at = at.parentElement) if (spoken(at)) return true
    return !element.checkVisibility({ opacityProperty: true, visibilityProperty: true })
      || element.closest('[aria-hidden=true], math, noscript, style, script, option, .sr-only') !== null
  }
  // What boxes that cut or scroll leave of a box in sight; null where nothing is left.
  const leftOf = (element, { left, top, right, bottom }) => {
    for (let at = element; at && at !== document.documentElement; at = at.parentElement) {
      const { overflowX, overflowY, position } = getComputedStyle(at)
      const frame = at.getBoundingClientRect()
      if (!(at instanceof SVGElement) || at.tagName === 'svg') {
        if (overflowX !== 'visible') [left, right] = [Math.max(left, frame.left), Math.min(right, frame.right)]
        if (overflowY !== 'visible' && at.dataset.testid !== 'stMain') [top, bottom] = [Math.max(top, frame.top), Math.min(bottom, frame.bottom)]
      }
      if (position === 'fixed') break
    }
    return right > left && bottom > top ? { left, top, right, bottom, height: bottom - top } : null
  }
  const texts = []
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement
    if (!node.data.trim() || hidden(element)) continue
    const range = document.createRange()
    range.selectNodeContents(node)
    for (const box of range.getClientRects()) {
      if (box.width > 1 && box.height > 1) texts.push({ element, words: node.data.trim(), box })
    }
  }

  // -- what is cut off by a box that does not scroll
  for (const { element, words, box } of texts) {
    for (let at = element; at && at !== document.body; at = at.parentElement) {
      const style = getComputedStyle(at)
      if (style.position === 'fixed') break
      const cuts = (value) => value === 'hidden' || value === 'clip'
      const frame = at.getBoundingClientRect()
      const svg = at instanceof SVGElement
      if (svg && at.tagName !== 'svg') continue
      const across = Math.max(frame.left - box.left, box.right - frame.right)
      const down = Math.max(frame.top - box.top, box.bottom - frame.bottom)
      if ((cuts(style.overflowX) && across >= box.width) || (cuts(style.overflowY) && down >= box.height - 1)) break // hidden
      if (cuts(style.overflowX) && across > TOUCH) { say('cut', `“${words}” by ${Math.round(across)} px across`); break }
      if (cuts(style.overflowY) && down > box.height / 4) { say('cut', `“${words}” by ${Math.round(down)} px down`); break }
      if (style.overflowX === 'auto' || style.overflowX === 'scroll' || style.overflowY === 'auto' || style.overflowY === 'scroll') break
    }
  }
  for (const field of document.querySelectorAll('input')) {
    if (field.scrollWidth > field.clientWidth + 1 && field.clientWidth > 20 && !hidden(field)) {
      // A list that opens shows all of it.
      say(field.role === 'combobox' ? 'shortened' : 'cut', `field “${field.value || field.placeholder}”`)
    }
    else if (!field.value && field.placeholder && field.clientWidth > 20 && !hidden(field)) {
      const pen = document.createElement('canvas').getContext('2d')
      pen.font = getComputedStyle(field).font
      if (pen.measureText(field.placeholder).width > field.clientWidth) say('cut', `placeholder “${field.placeholder}”`)
    }
  }

  // -- texts upon each other
  const fixed = (element) => {
    for (let at = element; at; at = at.parentElement) {
      if (['fixed', 'sticky'].includes(getComputedStyle(at).position)) return true
    }
    return element.closest('[role=dialog], [data-testid=stPopoverBody], [role=tooltip], header') !== null
  }
  const near = texts.filter(({ box }) => box.top < window.innerHeight * 3 && box.bottom > 0)
  const seen = near.map((text) => ({ ...text, box: leftOf(text.element, text.box) })).filter(({ box }) => box)
  const floats = new Map(seen.map(({ element }) => [element, fixed(element)]))
  seen.forEach((one, i) => {
    for (const other of seen.slice(i + 1)) {
      if (one.element === other.element || floats.get(one.element) !== floats.get(other.element)) continue
      if (one.element.contains(other.element) || other.element.contains(one.element)) continue
      const across = Math.min(one.box.right, other.box.right) - Math.max(one.box.left, other.box.left)
      const down = Math.min(one.box.bottom, other.box.bottom) - Math.max(one.box.top, other.box.top)
      const least = Math.min(one.box.height, other.box.height)
      if (across > TOUCH && down > Math.max(TOUCH, least * 0.3)) say('overlap', `“${one.words}” and “${other.words}”`)
    }
  })

  // -- what stands beyond the window's edges, though it floats above the page
  for (const body of document.querySelectorAll('[data-testid=stPopoverBody], [role=dialog]')) {
    const box = body.getBoundingClientRect()
    const beyond = Math.max(-box.left, -box.top, box.right - window.innerWidth, box.bottom - window.innerHeight)
    if (box.width && beyond > 1) say('beyond the window', `${body.getAttribute('data-testid') ?? 'dialog'} by ${Math.round(beyond)} px`)
  }

  // -- charts: turned ticks, names that curves run through
  for (const text of document.querySelectorAll('.js-plotly-plot .xtick text, .js-plotly-plot .ytick text')) {
    const { a, b } = text.getCTM()
    if (Math.abs(b) > 0.05 * Math.abs(a)) say('turned', `tick “${text.textContent}”`)
  }
  const frameOf = (plot, line) => {
    const { left, top } = plot.getBoundingClientRect()
    const { xaxis, yaxis } = plot._fullLayout._plots[line.closest('.subplot').classList[1]]
    const [x, y] = [left + xaxis._offset, top + yaxis._offset]
    return { left: x, top: y, right: x + xaxis._length, bottom: y + yaxis._length }
  }
  for (const plot of document.querySelectorAll('.js-plotly-plot')) {
    const root = plot.closest('.pp-chart') ?? plot
    const names = [...root.querySelectorAll('.annotation-text, .pp-ends .pp-label, .textpoint text')].filter((name) => !hidden(name))
    for (const line of plot.querySelectorAll('.scatterlayer .js-line')) {
      const { opacity, strokeWidth } = getComputedStyle(line)
      const length = line.getTotalLength?.() ?? 0
      if (!length || opacity < 0.3 || parseFloat(strokeWidth) < 1.5) continue
      const matrix = line.getScreenCTM()
      const frame = frameOf(plot, line)
      const inside = ({ x, y }) => x >= frame.left && x <= frame.right && y >= frame.top && y <= frame.bottom
      const places = Array.from({ length: SAMPLES }, (_, i) => line.getPointAtLength((length * i) / (SAMPLES - 1)).matrixTransform(matrix)).filter(inside)
      for (const name of names) {
        const { left, right, top, bottom } = name.getBoundingClientRect()
        const through = places.filter(({ x, y }) => x > left + 1 && x < right - 1 && y > top + 3 && y < bottom - 3)
        if (through.length) say('crossed by a curve', `“${name.textContent}”`)
      }
    }
  }
  return found
}
