import { COLORS, DARK_COLORS } from './colors.ts';

/** Style of the panel's own page. */
export const STYLE = `
:root { ${COLORS} }
@media (prefers-color-scheme: dark) { :root { ${DARK_COLORS} } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 16px; max-width: 1100px; background: var(--back); color: var(--text); font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 20px; margin: 0; } h2 { font-size: 16px; margin: 28px 0 6px; }
header { display: flex; flex-wrap: wrap; gap: 4px 16px; align-items: baseline; justify-content: space-between; }
p { margin: 6px 0; } .soft { color: var(--soft); }
a { color: var(--accent); } :focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
button { font: inherit; color: var(--accent); background: none; border: 1px solid var(--line); border-radius: 6px; padding: 2px 10px; cursor: pointer; }
.wide { overflow-x: auto; border: 1px solid var(--line); border-radius: 6px; }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
th, td { text-align: left; padding: 4px 10px; vertical-align: top; border-bottom: 1px solid var(--line); }
tr:last-child td { border-bottom: 0; } th { background: var(--raised); font-weight: 600; white-space: nowrap; }
td:first-child { min-width: 150px; overflow-wrap: anywhere; } .number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
.hit { color: var(--hit); } .miss { color: var(--miss); } .uncached { color: var(--uncached); }
.figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(104px, 1fr)); gap: 8px; padding: 0; margin: 12px 0; list-style: none; }
.figures li { border: 1px solid var(--line); border-radius: 6px; padding: 6px 10px; }
.figures b { display: block; font-size: 20px; font-weight: 600; font-variant-numeric: tabular-nums; }
`;
