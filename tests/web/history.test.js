import { keepHistory } from '/web/history.js'
import { equal, test } from './harness.js'

/** A window with what the history needs, and the entries made in it. */
function open(address) {
  const location = new URL(address)
  const entries = [location.pathname + location.search]
  const heard = []
  const go = (place) => {
    const to = new URL(place, location.href)
    location.href = to.href
    return to.pathname + to.search
  }
  const history = {
    pushState: (state, title, place) => entries.push(go(place)),
    replaceState: (state, title, place) => (entries[entries.length - 1] = go(place)),
  }
  const view = { history, location, addEventListener: (type, call) => heard.push(call) }
  keepHistory(view)
  const press = (href) => {
    const link = href && { href: new URL(href, location.href).href }
    heard[0]({ target: { closest: () => link ?? null } })
  }
  return { entries, history, press }
}

test('what a page writes by itself completes its entry, what a person changes adds one', () => {
  const { entries, history, press } = open('http://here/train')
  history.pushState({}, '', '/compare')
  history.pushState({}, '', '/compare?a=1')
  equal(entries, ['/train', '/compare?a=1'])
  press()
  history.pushState({}, '', '/compare?a=2')
  equal(entries, ['/train', '/compare?a=1', '/compare?a=2'])
})

test('a page that still writes while its person leaves by a link adds no entry', () => {
  const { entries, history, press } = open('http://here/train')
  history.pushState({}, '', '/compare')
  press('/train')
  history.pushState({}, '', '/compare?a=1')
  history.pushState({}, '', '/train')
  equal(entries, ['/train', '/compare?a=1', '/train'])
})

test('a link to the same page with other values adds an entry', () => {
  const { entries, history, press } = open('http://here/train')
  history.pushState({}, '', '/train?run=a')
  press('/train?run=b')
  history.pushState({}, '', '/train?run=b')
  equal(entries, ['/train', '/train?run=a', '/train?run=b'])
})
