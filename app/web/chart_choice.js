// What a person chose in a chart: it outlives updates and reruns, and where it makes sense a reload.

export const CLOCKS = ['step', 'epoch', 'seconds']
const choices = (window.__proxpropChoices ??= new Map())

/** The choice of this chart: kept in the page; axis and scale also for a reload of this tab. */
export function choiceOf({ key, subject = key, x, logY, quantities }) {
  if (!choices.has(subject)) {
    const choice = { x, log: logY, ranges: {}, hidden: new Set(), logs: {}, targets: {}, given: {}, sent: [] }
    try {
      const kept = JSON.parse(sessionStorage.getItem(`proxprop-view-${subject}`)) ?? {}
      if (CLOCKS.includes(kept.x)) choice.x = kept.x
      if (typeof kept.log === 'boolean') choice.log = kept.log
      choice.hidden = new Set(kept.hidden)
      if (quantities.some(({ series }) => series === kept.quantity)) choice.quantity = kept.quantity
      choice.logs = kept.logs ?? {}
      choice.smooth = kept.smooth === true
    } catch {
      // nothing kept, or storage is off: the page's own choice stands
    }
    const quantity = quantities.find(({ series }) => series === choice.quantity) ?? quantities[0]
    if (quantity) {
      choice.quantity = quantity.series
      choice.log = choice.logs[quantity.series] ?? quantity.log
    }
    choices.set(subject, choice)
  }
  return choices.get(subject)
}

export function remember({ key, subject = key }, { x, log, hidden, quantity, logs, smooth }) {
  try {
    const kept = JSON.stringify({ x, log, hidden: [...hidden], quantity, logs, smooth })
    sessionStorage.setItem(`proxprop-view-${subject}`, kept)
  } catch {
    // storage is off: the choice lasts as long as the page
  }
}

/** What of a choice belongs to the page's link. */
export const linked = ({ quantity, x, log, smooth }) => ({ quantity, x, log, smooth: Boolean(smooth) })

/** What the page says of the choice counts, unless it only repeats what we sent. */
export function obey(choice, { owned, quantity, x, logY, smooth, quantities }) {
  for (const { series, target } of quantities) {
    if (choice.given[series] !== target) choice.targets[series] = target
    choice.given[series] = target
  }
  const now = JSON.stringify(linked({ quantity, x, log: logY, smooth }))
  if (!owned || choice.sent.includes(now)) return
  if (quantity !== choice.quantity || x !== choice.x || logY !== choice.log) choice.ranges = {}
  Object.assign(choice, { quantity, x, log: logY, smooth, sent: [now] })
}
