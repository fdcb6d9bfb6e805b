export const CSS = `
.pp-quadratic { --size: 15px; font: 400 var(--size)/1.35 var(--st-font); color: var(--st-text-color);
  font-variant-numeric: tabular-nums; display: grid; gap: 8px 20px; width: 100%; overflow: hidden;
  grid-template: "controls plane curves" var(--high) "caption caption caption" auto / var(--form) 1.12fr 1fr; }
.pp-quadratic > .pp-controls { grid-area: controls; display: flex; flex-direction: column; min-width: 0;
  gap: clamp(2px, (var(--high) - 390px) / 8, 26px); }
.pp-quadratic > figure { margin: 0; min-width: 0; display: flex; flex-direction: column; position: relative; }
.pp-quadratic > figure:nth-of-type(1) { grid-area: plane; }
.pp-quadratic > figure:nth-of-type(2) { grid-area: curves; }
.pp-quadratic .pp-head { display: flex; align-items: baseline; gap: 8px; flex: none; min-height: 1.7em; }
.pp-quadratic figcaption { font-weight: 600; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; flex: 1; }
.pp-quadratic svg.pp-scene { flex: 1 1 0; min-height: 0; width: 100%; display: block; font-family: var(--st-font);
  touch-action: none; }
.pp-quadratic .pp-plane { border: 1px solid var(--pp-grid); border-radius: 4px; cursor: crosshair; }
.pp-quadratic .pp-grip { fill: transparent; }
.pp-quadratic .pp-start { cursor: grab; outline: none; }
.pp-quadratic .pp-start:focus-visible .pp-grip { stroke: var(--st-primary-color); stroke-width: 2; }
.pp-quadratic .pp-caption { grid-area: caption; }
.pp-quadratic .pp-caption p { margin: 0; font-size: inherit; }
.pp-quadratic .pp-said { display: flex; flex-wrap: wrap; gap: 0 20px; font-size: calc(var(--size) * 1.02) !important; }
.pp-quadratic .pp-said span { white-space: nowrap; }
.pp-quadratic .pp-said .pp-swatch { vertical-align: middle; margin-right: 7px; }
.pp-quadratic .pp-why { color: var(--pp-muted); }
.pp-quadratic.pp-lecture .pp-said { font-size: var(--size) !important; gap: 0 22px; }
.pp-quadratic.pp-lecture :is(.pp-why, details) { display: none; }
.pp-control { display: grid; grid-template-columns: 1fr auto; align-items: center; gap: 0 8px; }
.pp-control label { white-space: nowrap; }
.pp-control em { font-family: "STIX Two Math", "Cambria Math", Georgia, serif; font-style: italic; font-size: 1.08em; }
.pp-control input[type=text] { width: 4.4em; font: inherit; line-height: 1.2; color: inherit; text-align: right;
  background: transparent; border: 1px solid var(--st-border-color); border-radius: 4px; padding: 1px 6px; margin: 0; }
.pp-control .pp-track { all: unset; grid-column: 1 / -1; position: relative; display: block; height: 22px; }
.pp-control[data-name=s] .pp-track { height: calc(22px + 1em); }
.pp-control input[type=range] { width: 100%; margin: 0; height: 22px; accent-color: var(--st-primary-color); cursor: pointer; }
.pp-lecture .pp-control input[type=range] { height: 28px; }
.pp-limit { position: absolute; top: 20px; transform: translateX(-50%); font-size: .87em; line-height: 1; white-space: nowrap;
  color: var(--pp-muted); pointer-events: none; }
.pp-limit::before { content: ""; position: absolute; left: 50%; top: -17px; height: 15px; border-left: 2px solid var(--st-text-color); }
.pp-limit sub { font-size: .75em; line-height: 0; }
.pp-refusal { grid-column: 1 / -1; font-size: .87em; color: var(--pp-warn); }
.pp-refusal[hidden] { display: none; }
.pp-buttons { display: flex; gap: 8px; margin-top: 6px; }
.pp-quadratic sub { font-size: .75em; line-height: 0; }
.pp-buttons button { font: inherit; line-height: 1.25; color: inherit; background: transparent;
  border: 1px solid var(--st-border-color); border-radius: 5px; padding: 4px 10px; margin: 0; cursor: pointer; white-space: nowrap; }
.pp-buttons button:hover { background: var(--st-secondary-background-color); }
.pp-buttons button.pp-go { background: var(--st-primary-color); border-color: var(--st-primary-color);
  color: var(--st-background-color); flex: 1; font-weight: 600; }
.pp-quadratic :is(.pp-buttons button, input):focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: 2px; }
.pp-quadratic.pp-narrow { grid-template: "plane" 340px "said" auto "controls" auto "curves" 320px / 100%; }
.pp-quadratic.pp-narrow .pp-caption { grid-area: said; }
.pp-quadratic.pp-narrow .pp-said { font-size: 15px !important; gap: 0 14px; }
.pp-quadratic.pp-narrow .pp-control input[type=range] { height: 30px; }
`
