// LaTeX, the subset of our equations, as MathML, which browsers typeset themselves.

const NS = 'http://www.w3.org/1998/Math/MathML'
const LETTERS = {
  varphi: 'φ', sigma: 'σ', theta: 'θ', eta: 'η', gamma: 'γ', rho: 'ρ', tau: 'τ', Delta: 'Δ', nabla: '∇',
}
const SIGNS = { approx: '≈', top: '⊤', '|': '‖', quad: '', cdot: '·' }

/** Return a `<math>` element for `tex`. */
export function math(tex, { display = false } = {}) {
  const root = element('math')
  if (display) root.setAttribute('display', 'block')
  root.setAttribute('aria-label', tex)
  root.append(row(parse(tokens(tex))))
  return root
}

function tokens(tex) {
  // A number is one token, so that z_12 is layer twelve; \tfrac12 is read digit by digit below.
  return tex.match(/\\[A-Za-z]+|\\.|[0-9]+(?:\.[0-9]+)?|\S| /g) ?? []
}

function element(name, ...children) {
  const node = document.createElementNS(NS, name)
  node.append(...children)
  return node
}

function row(nodes) {
  return nodes.length === 1 ? nodes[0] : element('mrow', ...nodes)
}

/** Parse until the stream or the group ends; `rest` is consumed. */
function parse(rest) {
  const nodes = []
  while (rest.length && rest[0] !== '}') {
    if (rest[0] === ' ') {
      rest.shift()
      continue
    }
    const node = atom(rest)
    if (node) nodes.push(scripts(node, rest))
  }
  return nodes
}

function scripts(base, rest) {
  let [below, above] = [null, null]
  while (rest[0] === '_' || rest[0] === '^') {
    const mark = rest.shift()
    const node = argument(rest)
    if (mark === '_') below = node
    else above = node
  }
  if (below && above) return element('msubsup', base, below, above)
  if (below) return element('msub', base, below)
  return above ? element('msup', base, above) : base
}

function argument(rest) {
  while (rest[0] === ' ') rest.shift()
  return rest[0] === '{' ? group(rest) : atom(rest)
}

/** An argument of \tfrac: a lone digit counts by itself. */
function single(rest) {
  while (rest[0] === ' ') rest.shift()
  if (/^[0-9]{2,}$/.test(rest[0])) {
    const [first, ...more] = rest.shift()
    rest.unshift(more.join(''))
    rest.unshift(first)
  }
  return argument(rest)
}

function group(rest) {
  rest.shift()
  const nodes = parse(rest)
  rest.shift()
  return row(nodes)
}

function atom(rest) {
  const token = rest.shift()
  if (token === '{') {
    rest.unshift(token)
    return group(rest)
  }
  if (token.startsWith('\\')) return command(token.slice(1), rest)
  if (/^[0-9]/.test(token)) return element('mn', token)
  if (/^[A-Za-z]$/.test(token)) return element('mi', token)
  const sign = element('mo', token === '-' ? '−' : token)
  if (token === '/') spaceless(sign)
  if ('()'.includes(token)) sign.setAttribute('stretchy', 'false')
  return sign
}

function command(name, rest) {
  if (name === 'tfrac') {
    const fraction = element('mfrac', single(rest), single(rest))
    return element('mstyle', fraction)
  }
  if (name === 'tilde') {
    const over = element('mover', argument(rest), element('mo', '˜'))
    over.setAttribute('accent', 'true')
    return over
  }
  if (name === 'text' || name === 'operatorname') return words(rest, name === 'operatorname')
  if (name === ',') return space('0.17em')
  if (name === 'quad') return space('1em')
  if (name in LETTERS) {
    const letter = element('mi', LETTERS[name])
    if (name === 'nabla' || name === 'Delta') letter.setAttribute('mathvariant', 'normal')
    return letter
  }
  const sign = element('mo', SIGNS[name] ?? name)
  if (name === '|') {
    sign.setAttribute('stretchy', 'false')
    spaceless(sign)
  }
  return sign
}

function words(rest, operator) {
  rest.shift()
  let text = ''
  while (rest.length && rest[0] !== '}') text += rest.shift()
  rest.shift()
  // MathML drops spaces at the ends of a text.
  const node = element(operator ? 'mi' : 'mtext', text.replace(/ /g, '\u00a0'))
  if (operator) node.setAttribute('mathvariant', 'normal')
  return node
}

function space(width) {
  const node = element('mspace')
  node.setAttribute('width', width)
  return node
}

function spaceless(sign) {
  sign.setAttribute('lspace', '0')
  sign.setAttribute('rspace', '0')
}
