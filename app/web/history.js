// The back button leads to the place before: what a page writes into the address by itself completes
// the entry of the browser's history in which it stands, instead of adding another one.

/** Let addresses of the same page be replaced until a person changes something; once per window. */
export function keepHistory(view = window) {
  const { history, location } = view
  if (history.keptByProxprop) return
  history.keptByProxprop = true
  let pressed = true // whether a person has pressed anything since the last entry was made
  for (const type of ['pointerdown', 'keydown']) {
    view.addEventListener(type, ({ target }) => (pressed ||= !leavesFor(target, location)), { capture: true })
  }
  const push = history.pushState.bind(history)
  history.pushState = (state, title, address) => {
    const to = new URL(address ?? location.href, location.href)
    if (!pressed && to.pathname === location.pathname) history.replaceState(state, title, address)
    else push(state, title, address)
    pressed = false
  }
}

/** A link to another page changes nothing here: what this page still writes is not a person's. */
function leavesFor(target, location) {
  const link = target.closest?.('a[href]')
  return Boolean(link) && new URL(link.href, location.href).pathname !== location.pathname
}
