/** Colours of the panel, light and dark; the contrast of texts is 4.5 at least (WCAG 2.2, 1.4.3). */
export const COLORS = `color-scheme: light dark;
  --back: #fff; --text: #1b1f24; --soft: #57606a; --line: #d0d7de; --raised: #f3f5f8; --accent: #0550ae;
  --hit: #116329; --miss: #953800; --uncached: #a40e26;`;

export const DARK_COLORS = `--back: #16191d; --text: #e6edf3; --soft: #a0a9b3; --line: #3a414a; --raised: #22272e; --accent: #79c0ff;
  --hit: #56d364; --miss: #ffa657; --uncached: #ff8f87;`;
