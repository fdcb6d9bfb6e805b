export const CHART_CSS = `
.pp-chart { display: flex; flex-direction: column; position: relative; width: 100%;
  font-family: var(--st-font); color: var(--st-text-color); --pp-size: 13px; overflow: hidden; }
.pp-chart.pp-lecture { --pp-size: 18px; }
.pp-bar { display: flex; flex-wrap: wrap; align-items: center; gap: 4px 8px; min-height: 32px;
  flex: none; padding-bottom: 4px; position: relative; z-index: 3; }
.pp-bar .pp-title { font: 600 calc(var(--pp-size) + 2px) var(--st-font); margin: 0 auto 0 0; padding: 0;
  color: var(--st-text-color); letter-spacing: 0; line-height: 1.3; }
.pp-bar [role=group] { display: flex; }
.pp-bar button, .pp-bar summary { font: 400 var(--pp-size) var(--st-font); line-height: 1.3;
  color: var(--st-text-color); background: transparent; border: 1px solid var(--st-border-color);
  padding: 2px 9px; margin: 0; cursor: pointer; list-style: none; border-radius: 0; }
.pp-bar [role=group] > button + button { border-left: 0; }
.pp-bar [role=group] > button:first-child, .pp-bar > button, .pp-bar summary {
  border-top-left-radius: 5px; border-bottom-left-radius: 5px; }
.pp-bar [role=group] > button:last-child, .pp-bar > button, .pp-bar summary {
  border-top-right-radius: 5px; border-bottom-right-radius: 5px; }
.pp-bar button:hover, .pp-bar summary:hover { background: var(--st-secondary-background-color); }
.pp-bar button[aria-pressed=true] { background: var(--st-text-color); color: var(--st-background-color);
  border-color: var(--st-text-color); }
.pp-chart button:focus-visible, .pp-chart summary:focus-visible {
  outline: 2px solid var(--st-primary-color); outline-offset: 2px; }
.pp-export { position: relative; }
.pp-export summary::-webkit-details-marker { display: none; }
.pp-export > div { position: absolute; right: 0; top: calc(100% + 4px); display: flex; z-index: 5;
  background: var(--st-background-color); border: 1px solid var(--st-border-color); border-radius: 5px;
  padding: 4px; gap: 4px; }
.pp-export > div button { border: 0; border-radius: 3px; }
.pp-legend { display: flex; flex-wrap: wrap; gap: 0 14px; flex: none; }
.pp-legend[hidden] { display: none; }
.pp-frame { position: relative; flex: 1 1 auto; min-height: 0; overflow: hidden; }
.pp-plot { position: absolute; inset: 0; }
.pp-ends { position: absolute; inset: 0; pointer-events: none; }
.pp-label { display: inline-flex; align-items: center; gap: 6px; pointer-events: auto; cursor: pointer;
  font: 500 calc(var(--pp-size) + .5px) var(--st-font); line-height: 1.2; color: var(--st-text-color);
  background: none; border: 0; padding: 0; border-radius: 3px; white-space: nowrap; text-align: left; }
.pp-ends .pp-label { position: absolute; top: 0; transition: transform .25s ease-out; }
.pp-label[aria-pressed=false] { opacity: .55; text-decoration: line-through; }
.pp-swatch { display: inline-flex; }
.pp-target { position: absolute; height: 22px; margin-top: -11px; cursor: ns-resize; touch-action: none; z-index: 2; }
.pp-target[hidden] { display: none; }
.pp-target:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: -8px; }
.pp-target-label { position: absolute; right: 6px; bottom: 13px; font: 500 calc(var(--pp-size) - .5px) var(--st-font);
  color: var(--st-text-color); background: color-mix(in srgb, var(--st-background-color) 82%, transparent);
  border-radius: 3px; padding: 0 4px; white-space: nowrap; font-variant-numeric: tabular-nums; user-select: none; }
.pp-target:hover .pp-target-label, .pp-target:focus .pp-target-label { text-decoration: underline; text-underline-offset: .2em; }
.pp-outside .pp-target-label { color: var(--pp-muted); }
.pp-empty { position: absolute; inset: 0; display: grid; place-items: center; text-align: center; margin: 0;
  padding: 0 15% 6%; color: var(--pp-muted); font: 400 calc(var(--pp-size) + 2px) var(--st-font);
  pointer-events: none; }
.pp-empty[hidden] { display: none; }
@media (prefers-reduced-motion: reduce) { .pp-ends .pp-label { transition: none; } }
`
