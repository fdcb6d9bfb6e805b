// What a picture keeps in the address by itself, without a word to the server.

export const LINKED = 'proxprop:link' // event of the window: another link of that kind was opened

const links = (window.__proxpropLinks ??= new Set())
const SETTLE = 250 // milliseconds without a change before the link follows

export class Link {
  /** Let the address say `values` (name → text, or null for nothing) once they stand still. */
  follow(values) {
    this.names = Object.keys(values)
    links.add(this)
    clearTimeout(this.timer)
    this.timer = setTimeout(() => this.write(values), SETTLE)
  }

  write(values) {
    const query = new URLSearchParams(window.location.search)
    for (const [name, text] of Object.entries(values)) {
      if (text === null) query.delete(name)
      else query.set(name, text)
    }
    const { pathname, search, hash } = window.location
    const address = pathname + (query.size ? `?${query}` : '') + hash
    if (address !== pathname + search + hash) window.history.replaceState(window.history.state, '', address)
  }

  /** Another view needs none of these names. */
  end(values) {
    links.delete(this)
    clearTimeout(this.timer)
    this.write(values)
  }
}

/** Whether two links differ only in what the pictures on this page keep. */
export function differsHere(link, other) {
  const [one, two] = [link, other].map((each) => new URL(each, window.location.origin))
  if (one.pathname !== two.pathname) return false
  const kept = new Set([...links].flatMap(({ names }) => names))
  const names = new Set([...one.searchParams.keys(), ...two.searchParams.keys()])
  return [...names].every((name) => kept.has(name) || one.searchParams.get(name) === two.searchParams.get(name))
}
