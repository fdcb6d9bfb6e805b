export const SLOW_CSS = `
.pp-slow { --pp-size: 14px; font: 400 var(--pp-size)/1.4 var(--st-font); color: var(--st-text-color);
  font-variant-numeric: tabular-nums; width: 100%; outline: none; }
.pp-slow.pp-lecture { --pp-size: 18px; }
.pp-slow:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: 4px; border-radius: 4px; }
.pp-transport { display: flex; flex-wrap: wrap; align-items: center; gap: 6px 12px; min-height: 34px; }
.pp-transport button, .pp-transport select { font: inherit; color: inherit; background: transparent;
  border: 1px solid var(--st-border-color); border-radius: 5px; padding: 3px 11px; cursor: pointer; margin: 0; }
.pp-transport select { padding: 3px 6px; background: var(--st-background-color); }
.pp-transport button:hover:not(:disabled) { background: var(--st-secondary-background-color); }
.pp-transport button:disabled { opacity: .4; cursor: default; }
.pp-transport .pp-play { background: var(--st-text-color); color: var(--st-background-color);
  border-color: var(--st-text-color); min-width: 74px; }
.pp-transport .pp-play:hover:not(:disabled) { background: var(--st-text-color); opacity: .85; }
.pp-slow button:focus-visible, .pp-slow select:focus-visible, .pp-slow input:focus-visible {
  outline: 2px solid var(--st-primary-color); outline-offset: 2px; }
.pp-transport input[type=range] { flex: 1 1 180px; min-width: 120px; accent-color: var(--st-text-color); margin: 0; }
.pp-count { min-width: 9.5em; color: var(--pp-muted); }
.pp-jump { display: flex; align-items: center; gap: 5px; color: var(--pp-muted); }
.pp-keys { color: var(--pp-muted); font-size: .88em; }
.pp-network { display: block; width: 100%; max-width: var(--pp-natural); height: auto; max-height: 150px;
  margin: 2px auto -4px; }
.pp-slow.pp-lecture .pp-network { max-width: calc(1.25 * var(--pp-natural)); max-height: 150px; }
.pp-box { cursor: pointer; }
.pp-box rect { fill: var(--st-background-color); stroke: var(--pp-line); stroke-width: 1.3; }
.pp-box text, .pp-over { fill: var(--st-text-color); text-anchor: middle; }
.pp-symbol { font: 500 21px "STIX Two Math", "Latin Modern Math", "Cambria Math", Georgia, serif; }
.pp-over { font: 400 12px var(--st-font); fill: var(--pp-muted); }
.pp-italic { font-style: italic; }
.pp-small { font-size: 14px; }
.pp-unknown rect { stroke-dasharray: 3 3; } .pp-unknown text { opacity: .45; }
.pp-moved rect { fill: var(--st-secondary-background-color); }
.pp-active rect { stroke-width: 3.5; stroke: var(--st-text-color); }
.pp-active[data-side=explicit] rect { stroke: var(--pp-explicit); }
.pp-active[data-side=implicit] rect { stroke: var(--pp-implicit); }
.pp-done { fill: none; stroke: var(--pp-grid); stroke-width: 1.5; }
.pp-done[data-side=explicit].pp-on { fill: var(--pp-explicit); stroke: var(--pp-explicit); }
.pp-done[data-side=implicit].pp-on { fill: var(--pp-implicit); stroke: var(--pp-implicit); }
.pp-arrow { stroke: var(--pp-line); stroke-width: 1.3; }
.pp-arc { fill: none; stroke: var(--st-text-color); stroke-width: 2.2; }
.pp-arc[data-side=explicit] { stroke: var(--pp-explicit); }
.pp-arc[data-side=implicit] { stroke: var(--pp-implicit); }
.pp-stage { display: grid; grid-template-columns: minmax(330px, 1fr) minmax(300px, 1.12fr) minmax(250px, .72fr);
  gap: 8px 26px; margin-top: 0; align-items: start; }
.pp-stage h3 { font: 600 calc(var(--pp-size) + 6px)/1.25 var(--st-font); margin: 0 0 6px; padding: 0;
  letter-spacing: 0; color: var(--st-text-color); display: flex; align-items: center; gap: 9px; }
.pp-stage h3::before { content: ""; width: 10px; height: 10px; border-radius: 50%; background: var(--st-text-color);
  flex: none; }
.pp-stage h3[data-side=explicit]::before { background: var(--pp-explicit); }
.pp-stage h3[data-side=implicit]::before { background: var(--pp-implicit); }
.pp-equation { font-size: calc(var(--pp-size) + 3px); min-height: 50px; display: flex; align-items: center;
  overflow-x: auto; overflow-y: hidden; padding: 2px 0; }
.pp-equation math { font-size: inherit; white-space: nowrap; }
.pp-what { margin: 2px 0 3px; font-weight: 500; }
.pp-why { margin: 0 0 8px; color: var(--pp-muted); }
.pp-numbers { display: grid; grid-template-columns: auto 1fr; gap: 3px 14px; margin: 0; align-items: baseline; }
.pp-slow .pp-what, .pp-slow .pp-why { font-size: calc(var(--pp-size) + 2px); line-height: 1.38; }
.pp-slow.pp-lecture .pp-what, .pp-slow.pp-lecture .pp-why { font-size: 18px; }
.pp-numbers dt, .pp-numbers dd { font-size: calc(var(--pp-size) + 1px); line-height: 1.4; }
.pp-slow.pp-lecture .pp-numbers dt, .pp-slow.pp-lecture .pp-numbers dd { font-size: 18px; }
.pp-slow.pp-lecture .pp-stage { grid-template-columns: minmax(330px, 1fr) minmax(270px, .95fr) minmax(320px, .86fr);
  gap: 8px 20px; }
.pp-slow.pp-lecture .pp-energy-axis div span:nth-child(even) { display: none; }
.pp-slow.pp-lecture h3 { font-size: 21px; }
.pp-slow.pp-lecture .pp-equation { font-size: 19px; }
.pp-slow mtext { font-family: var(--st-font); font-size: .93em; }
.pp-numbers dt { margin: 0; color: var(--pp-muted); font-weight: 400; }
.pp-numbers dd { margin: 0; font-weight: 600; }
.pp-tiles { display: grid; gap: 4px 14px; grid-template-columns: repeat(var(--pp-columns), minmax(0, 1fr)); }
.pp-tile { margin: 0; min-width: 0; }
.pp-tile figcaption { display: flex; gap: 8px; align-items: baseline; white-space: nowrap; overflow: hidden;
  min-height: 1.7em; }
.pp-tile-note { color: var(--pp-muted); font-size: .9em; overflow: hidden; text-overflow: ellipsis; }
.pp-tile[data-side=explicit] .pp-tile-note { color: var(--pp-explicit); font-weight: 600; }
.pp-tile[data-side=implicit] .pp-tile-note { color: var(--pp-implicit); font-weight: 600; }
.pp-tile-frame { height: var(--pp-tile); position: relative; background: var(--st-secondary-background-color); }
.pp-tile-frame canvas { width: 100%; height: 100%; image-rendering: pixelated; display: block; }
.pp-tile-frame canvas.pp-whole { object-fit: contain; }
.pp-tile-frame canvas[hidden], .pp-tile-blank[hidden] { display: none; }
.pp-tile-blank { position: absolute; inset: 0; display: grid; place-items: center; color: var(--pp-muted); }
.pp-tile-scale { color: var(--pp-muted); font-size: .85em; white-space: nowrap; overflow: hidden; display: block;
  text-overflow: ellipsis; }
.pp-energy-legend { display: flex; gap: 16px; margin-bottom: 4px; }
.pp-energy-legend span::before { content: ""; display: inline-block; width: 14px; height: 9px; margin-right: 6px;
  background: var(--pp-explicit); }
.pp-energy-legend span[data-side=implicit]::before { background: var(--pp-implicit); }
.pp-energy-row { display: grid; grid-template-columns: 104px 1fr; align-items: center; gap: 8px; min-height: 35px; }
.pp-slow.pp-lecture .pp-energy-row { grid-template-columns: 136px 1fr; }
.pp-energy-name { text-align: right; white-space: nowrap; }
.pp-bar-line { display: grid; grid-template-columns: 1fr 4.8em; gap: 7px; align-items: center;
  font-size: .88em; line-height: 1.25; }
.pp-bar-track { position: relative; height: 10px; background: var(--st-secondary-background-color); }
.pp-bar-fill { position: absolute; inset: 0 auto 0 0; width: 0; background: var(--pp-explicit);
  transition: width .25s ease-out; }
.pp-bar-line[data-side=implicit] .pp-bar-fill { background: var(--pp-implicit); }
.pp-bar-tick { position: absolute; top: -3px; bottom: -3px; width: 0; border-left: 2px solid var(--st-text-color); }
.pp-bar-tick[hidden] { display: none; }
.pp-bar-value.pp-changed { font-weight: 700; }
.pp-energy-axis { display: grid; grid-template-columns: 104px 1fr 4.8em; gap: 8px; color: var(--pp-muted);
  font-size: .85em; }
.pp-slow.pp-lecture .pp-energy-axis { grid-template-columns: 136px 1fr 4.8em; }
.pp-energy-axis > div { grid-column: 2; position: relative; height: 20px; }
.pp-axis-name { text-align: right; padding-right: 1.3em; }
.pp-energy-axis div span { position: absolute; transform: translateX(-50%); }
@media (max-width: 1020px) { .pp-stage { grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); } }
@media (max-width: 640px) { .pp-stage { grid-template-columns: minmax(0, 1fr); } .pp-keys { display: none; } }
@media (prefers-reduced-motion: reduce) { .pp-bar-fill { transition: none; } }
`
