import { COLORS, DARK_COLORS } from './colors.ts';

/** Style of the strip, in its shadow root. */
export const STRIP_STYLE = `
:host { all: initial; position: absolute; top: 0; left: 0; width: 0; height: 0; z-index: 2147483647; ${COLORS} }
@media (prefers-color-scheme: dark) { :host { ${DARK_COLORS} } }
* { box-sizing: border-box; font: 13px/1.45 system-ui, sans-serif; }
[hidden] { display: none !important; }
.bar, .sheet { position: fixed; background: var(--back); color: var(--text); border: 1px solid var(--line);
  box-shadow: 0 2px 12px #0003; }
.bar { right: 8px; bottom: 8px; max-width: calc(100vw - 16px); border-radius: 8px; padding: 4px 6px; display: flex;
  flex-wrap: wrap; gap: 2px 10px; align-items: center; }
.figures { display: flex; flex-wrap: wrap; gap: 0 10px; padding: 0 4px; align-items: center; }
.figures b { font-weight: 600; }
.soft { color: var(--soft); }
.hit { color: var(--hit); } .miss { color: var(--miss); } .uncached, .skip { color: var(--uncached); }
.buttons { display: flex; flex-wrap: wrap; gap: 4px; }
button, a { color: var(--accent); background: none; border: 1px solid transparent; border-radius: 5px; padding: 2px 7px;
  cursor: pointer; text-decoration: none; text-align: left; min-height: 24px; }
button:hover, a:hover { background: var(--raised); }
button:focus-visible, a:focus-visible { outline: 2px solid var(--accent); outline-offset: 1px; }
button[aria-pressed=true] { background: var(--raised); border-color: var(--line); }
.act { border-color: var(--line); }
.sheet { right: 8px; bottom: 56px; width: min(540px, calc(100vw - 16px)); max-height: calc(100vh - 72px); overflow: auto;
  border-radius: 8px; padding: 8px 12px 12px; }
.sheet header { display: flex; justify-content: space-between; align-items: start; gap: 8px; position: sticky; top: -8px;
  background: var(--back); padding: 8px 0 4px; }
h2 { font-size: 14px; font-weight: 600; margin: 2px 0; overflow-wrap: anywhere; outline: 0; }
ul { list-style: none; margin: 0; padding: 0; }
li button { width: 100%; display: grid; grid-template-columns: 68px 1fr auto; gap: 0 8px; padding: 4px; }
li button span { overflow-wrap: anywhere; }
li small { grid-column: 2 / -1; font-size: 12px; color: var(--soft); overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: minmax(84px, max-content) 1fr; gap: 3px 12px; margin: 6px 0; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
code { font: 12px/1.45 ui-monospace, monospace; white-space: pre-wrap; }
p { margin: 6px 0; }
.box { position: absolute; pointer-events: none; border: 2px solid; border-radius: 3px; }
.box button { pointer-events: auto; position: absolute; top: -10px; right: 4px; min-height: 0; padding: 0 5px; font-size: 11px;
  line-height: 16px; color: var(--back); border: 0; border-radius: 8px; white-space: nowrap; }
.box button:not(:hover, :focus-visible) span { display: none; }
.box button span { font: inherit; }
.box.hit button { background: var(--hit); } .box.miss button { background: var(--miss); }
.box.uncached button { background: var(--uncached); }
.box.chosen { background: #0550ae22; }
@media (max-width: 480px) {
  .bar { left: 0; right: 0; bottom: 0; max-width: none; border-radius: 0; border-width: 1px 0 0; }
  .bar button, .bar a { padding: 2px 5px; }
  .sheet { left: 0; right: 0; bottom: 0; width: auto; max-height: 80vh; border-radius: 8px 8px 0 0; }
  dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: 6px; }
}
`;
