// The back button leads to the place before: what a page writes into the address by itself completes
// the entry of the browser's history in which it stands, instead of adding another one.

let pressed = true // whether a person has pressed anything since the last entry was made

/** Let addresses of the same page be replaced until a person does something; once per window. */
export function keepHistory({ history, location } = window) {
  if (history.keptByProxprop) return
  history.keptByProxprop = true
  for (const type of ['pointerdown', 'keydown']) {
    window.addEventListener(type, () => (pressed = true), { capture: true })
  }
  const push = history.pushState.bind(history)
  history.pushState = (state, title, address) => {
    const to = new URL(address ?? location.href, location.href)
    if (!pressed && to.pathname === location.pathname) history.replaceState(state, title, address)
    else push(state, title, address)
    pressed = false
  }
}
