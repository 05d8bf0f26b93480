/**
 * The script of the strip: a function of a page's report and of where the panel is. It is a text, because it runs in browsers:
 * bundlers and compilers of a site must not change it. It writes no html, so that it runs under `require-trusted-types-for`, and its
 * style is no element, so that no Content-Security-Policy forbids it.
 */
export const STRIP_SCRIPT: string = String.raw`function (page, panel) {
  'use strict';
  // The page is as it would be without the panel: what was the last child of the body still is.
  if (document.currentScript) document.currentScript.remove();
  if (document.querySelector('cachesweeper-strip')) return;

  const make = (tag, attributes, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (typeof value === 'function') element.addEventListener(name, value);
      else if (value === true) element.setAttribute(name, '');
      else if (value !== false && value !== undefined && value !== null) element.setAttribute(name, value);
    }
    element.append(...children.filter((child) => child !== undefined && child !== null && child !== false && child !== ''));
    return element;
  };
  const number = (value) => (Math.abs(value) < 9.95 ? value.toFixed(1).replace('-0.0', '0.0') : Math.round(value).toLocaleString('en'));
  const milliseconds = (value) => number(value) + ' ms';
  const count = (value, one, many) => value + ' ' + (value === 1 ? one : many);
  const duration = (value) => {
    const seconds = Math.max(0, value) / 1000;
    if (seconds < 90) return Math.round(seconds) + ' s';
    if (seconds < 5400) return Math.round(seconds / 60) + ' min';
    return seconds < 129600 ? Math.round(seconds / 3600) + ' h' : Math.round(seconds / 86400) + ' days';
  };
  const WORDS = { hit: 'hit', miss: 'missed', uncached: 'uncached', skip: 'skipped' };
  /** The whole page as a view is shown as its fragments are. */
  const view = page.view && { ...page.view, number: 'view' };
  const placeOf = (fragment) => (fragment === view ? 'Whole page' : fragment.template + ':' + fragment.line);
  const hasMarks = Boolean(page.marks);
  const isUncached = page.without === 'cache';
  const marked = new Set(page.marks ? page.marks.marked : []);

  /** Asks for the same page once more. Marks stay for the pages that follow, a page without the cache is one. */
  const reload = ({ hasMarks, isUncached } = {}) => {
    const wish = hasMarks && isUncached ? 'both' : hasMarks ? 'marks' : isUncached ? 'uncached' : '';
    const age = isUncached ? '; max-age=10' : hasMarks ? '' : '; max-age=0';
    document.cookie = 'cachesweeper-panel=' + wish + age + '; path=/; samesite=strict';
    if (location.href.includes('#')) location.reload();
    else location.replace(location.href);
  };

  const root = make('cachesweeper-strip');
  const shadow = root.attachShadow({ mode: 'open' });
  const style = new CSSStyleSheet();
  style.replaceSync(panel.style);
  shadow.adoptedStyleSheets = [style];

  const status = make('span', { role: 'status', class: 'soft' });
  const boxes = make('div', { class: 'boxes' });
  let sheet;
  let opener;

  const close = () => {
    if (!sheet) return;
    sheet.remove();
    sheet = undefined;
    choose(undefined);
    list.setAttribute('aria-expanded', 'false');
    if (opener && opener.isConnected) opener.focus();
  };
  const open = (title, content, from) => {
    if (sheet) sheet.remove();
    else opener = from || shadow.activeElement;
    const heading = make('h2', { id: 'title', tabindex: '-1' }, title);
    const closer = make('button', { click: close, type: 'button', 'aria-label': 'Close' }, '✕');
    sheet = make('section', { class: 'sheet', role: 'dialog', 'aria-labelledby': 'title' }, make('header', {}, heading, closer), content);
    shadow.append(sheet);
    heading.focus();
  };
  const choose = (fragment) => {
    for (const box of boxes.children) box.classList.toggle('chosen', fragment !== undefined && box.dataset.number === String(fragment.number));
  };

  const row = (name, value) => (value === undefined || value === null || value === '' ? [] : [make('dt', {}, name), make('dd', {}, value)]);
  const code = (text) => make('code', {}, text);
  const lines = (texts) => (texts.length === 0 ? undefined : code(texts.join('\n')));

  const press = async (action, said) => {
    const url = panel.path + '/pages/' + panel.id + '/' + action;
    try {
      const answer = await fetch(url, { method: 'POST', headers: { 'X-Cachesweeper-Token': panel.token } });
      said.textContent = answer.ok ? 'Invalidated. ' : await answer.text();
      if (answer.ok) said.append(make('button', { class: 'act', type: 'button', click: () => reload({ hasMarks }) }, 'Reload'));
    } catch (error) {
      said.textContent = 'Not sent: the Content-Security-Policy of the page (connect-src) forbids it, or the server is away';
    }
  };

  const details = (fragment, from) => {
    const kept = fragment.kept;
    const now = Date.now();
    const said = make('p', { role: 'status' });
    // A view that was not stored was looked for all the same, and depends on nothing.
    const left = kept && kept.own.length > 0 && (kept.expires === undefined ? 'until it is invalidated' : duration(kept.expires - now) + ' left of its ttl');
    const made = kept && (kept.made !== undefined ? kept.made : kept.madeAfter);
    const age = made === undefined ? undefined : duration(now - made) + (kept.made === undefined ? ' at most' : '');
    const reads = kept && kept.reads.map((one) => one.paths.join(', ') + ' = ' + one.value);
    const holes = kept && kept.holes.map((one) => one.place + (one.shows === undefined ? '' : ': ' + one.shows));
    const act = (text, action) => make('button', { class: 'act', type: 'button', click: () => press(action, said) }, text);
    const isView = fragment === view;
    const reason = isView && page.without !== 'nothing' ? 'passed by for this page' : fragment.reason;
    const rows = make('dl', {},
      ...row('Outcome', make('b', { class: fragment.outcome }, WORDS[fragment.outcome] + (reason ? ': ' + reason : ''))),
      ...row('Cause', fragment.cause),
      ...row('Remark', fragment.unseen),
      ...(fragment.cost === undefined
        ? []
        : [
            ...row('Cost', milliseconds(fragment.cost) + (fragment.outcome === 'hit' ? ' saved' : ' to render')),
            ...row('Net benefit', milliseconds(fragment.netBenefit) + ', looking for it took ' + milliseconds(fragment.lookup)),
          ]),
      ...(kept
        ? [
            ...row('Models', lines(kept.models)),
            ...row(isView ? 'Key' : 'Keys', kept.keys === '[]' ? undefined : code(kept.keys)),
            ...row(isView ? 'Vary' : 'Using', kept.using === '[]' ? undefined : code(kept.using)),
            ...row(isView ? 'Compared by' : 'Reads', lines(reads)),
            ...row('Depends on', lines(kept.own)),
            ...row(isView ? 'And, met in the making' : 'And, met in its body', lines(kept.inherited)),
            ...row('Kept', left || 'not'),
            ...row('Age', age),
            ...row('Holes', lines(holes)),
          ]
        : []),
      ...row('Outline', isView || !page.marks || marked.has(fragment.number) ? undefined : 'None: its html was not found on the page as it was printed, or stands where a comment would be shown'),
    );
    const buttons = make('div', { class: 'buttons' },
      kept && isView && act('Expire this address', 'view/expire'),
      kept && kept.models.length > 0 && act('Invalidate ' + kept.models.join(', '), (isView ? 'view' : 'fragments/' + fragment.number) + '/invalidate'),
      make('button', { class: 'act', type: 'button', click: () => reload({ hasMarks, isUncached: true }) }, 'Render without cache'),
      make('button', { class: 'act', type: 'button', click: () => fragments(from) }, 'All fragments'),
    );
    open(placeOf(fragment), make('div', {}, rows, buttons, said), from);
    choose(fragment);
    const box = boxes.querySelector('[data-number="' + fragment.number + '"]');
    if (box) box.scrollIntoView({ block: 'nearest' });
  };

  const fragments = (from) => {
    const items = page.fragments.map((fragment) =>
      make('li', {},
        make('button', { type: 'button', click: () => details(fragment) },
          make('b', { class: fragment.outcome }, WORDS[fragment.outcome]),
          make('span', {}, '\u00a0\u00a0'.repeat(fragment.depth) + placeOf(fragment)),
          make('span', { class: 'soft' }, milliseconds(fragment.cost)),
          (fragment.cause || fragment.reason) && make('small', {}, fragment.cause || fragment.reason),
        ),
      ),
    );
    const none = view && view.outcome === 'hit' ? 'The whole page came from the cache: outline fragments to have it rendered.' : 'No fragment was used.';
    open(count(page.fragments.length, 'fragment', 'fragments'), items.length === 0 ? make('p', {}, none) : make('ul', {}, ...items), from);
    choose(undefined);
    list.setAttribute('aria-expanded', 'true');
  };

  const figures = page.figures;
  const share = (outcome) => make('span', {}, make('b', { class: outcome }, figures[outcome]), ' ' + WORDS[outcome]);
  const list = make('button', { type: 'button', 'aria-expanded': 'false', click: () => (sheet && list.getAttribute('aria-expanded') === 'true' ? close() : fragments(list)) }, 'Fragments');
  const bar = make('section', { class: 'bar', 'aria-label': 'Cache of this page' },
    make('div', { class: 'figures' },
      view && make('button', { type: 'button', click: (event) => details(view, event.currentTarget) }, 'page ', make('b', { class: view.outcome }, WORDS[view.outcome])),
      ...(view && view.outcome === 'hit' && page.fragments.length === 0 ? [] : [share('hit'), share('miss'), share('uncached')]),
      isUncached && make('b', { class: 'uncached' }, 'without the cache'),
      make('span', { class: 'soft' }, count(figures.roundTrips, 'round trip', 'round trips')),
      make('span', { class: 'soft' }, milliseconds(figures.milliseconds)),
      make('span', { class: 'soft' }, 'saved ' + milliseconds(figures.saved)),
    ),
    make('div', { class: 'buttons' },
      list,
      make('button', { type: 'button', 'aria-pressed': String(hasMarks), click: () => reload({ hasMarks: !hasMarks, isUncached }) }, 'Outline'),
      make('button', { type: 'button', click: () => reload({ hasMarks, isUncached: !isUncached }) }, isUncached ? 'With cache' : 'Without cache'),
      make('a', { href: panel.path }, 'Panel'),
      make('button', { type: 'button', 'aria-label': 'Hide the strip', click: () => root.remove() }, '✕'),
    ),
  );
  shadow.append(boxes, bar);
  shadow.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape' || !sheet) return;
    event.stopPropagation();
    close();
  });

  /** Returns the marks of the page by the number of their fragment: the comments in front and behind. */
  const marks = () => {
    const found = new Map();
    const walker = document.createTreeWalker(document, NodeFilter.SHOW_COMMENT);
    const pattern = new RegExp('^(/?)cs:' + page.marks.secret + ':(\\d+)$');
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const match = pattern.exec(node.data);
      if (match) found.set(match[2], Object.assign(found.get(match[2]) || {}, { [match[1] ? 'end' : 'begin']: node }));
    }
    return found;
  };
  const draw = () => {
    const origin = root.getBoundingClientRect();
    const range = document.createRange();
    // All places are asked for before a box is moved, which changes the layout: so the browser makes it once.
    const places = [...boxes.children].map((box) => {
      range.setStartAfter(box.marks.begin);
      range.setEndBefore(box.marks.end);
      return [box, range.getBoundingClientRect()];
    });
    for (const [box, at] of places) {
      box.hidden = at.width === 0 || at.height === 0;
      Object.assign(box.style, { left: at.left - origin.left + 'px', top: at.top - origin.top + 'px', width: at.width + 'px', height: at.height + 'px' });
    }
  };
  document.documentElement.append(root);
  if (!page.marks) return;

  const outline = () => {
    const found = marks();
    for (const fragment of page.fragments) {
      const pair = found.get(String(fragment.number));
      if (!pair || !pair.begin || !pair.end) continue;
      const label = make('button', { type: 'button', 'aria-label': WORDS[fragment.outcome] + ' ' + placeOf(fragment), click: () => details(fragment, label) });
      label.append(WORDS[fragment.outcome], make('span', {}, ' ' + placeOf(fragment)));
      const box = make('div', { class: 'box ' + fragment.outcome, 'data-number': fragment.number }, label);
      box.marks = pair;
      boxes.append(box);
    }
    draw();
    let isDue = false;
    const later = () => {
      if (isDue) return;
      isDue = true;
      requestAnimationFrame(() => {
        isDue = false;
        draw();
      });
    };
    addEventListener('resize', later);
    document.addEventListener('scroll', later, { capture: true, passive: true });
    new ResizeObserver(later).observe(document.body);
  };
  if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', outline);
  else outline();
}`;
