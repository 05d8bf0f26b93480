/** The script of the panel's own page: asks for the page again every two seconds, as long as it can be seen. A text, as that of the strip. */
export const PAGE_SCRIPT: string = `(function () {
  'use strict';
  const INTERVAL = 2000;
  const button = document.querySelector('#live');
  let isLive = true;
  let timer;
  const show = (text) => {
    const fresh = new DOMParser().parseFromString(text, 'text/html');
    for (const section of document.querySelectorAll('main [id]')) {
      const other = fresh.getElementById(section.id);
      if (other && !section.isEqualNode(other)) section.replaceWith(document.adoptNode(other));
    }
  };
  const ask = async () => {
    clearTimeout(timer);
    if (isLive && !document.hidden) {
      try {
        const answer = await fetch(location.href, { cache: 'no-store', signal: AbortSignal.timeout(10000) });
        if (answer.ok) show(await answer.text());
        button.title = '';
      } catch (error) {
        button.title = 'The server does not answer';
      }
    }
    timer = setTimeout(ask, INTERVAL);
  };
  button.hidden = false;
  button.addEventListener('click', () => {
    isLive = !isLive;
    button.setAttribute('aria-pressed', String(!isLive));
    button.textContent = isLive ? 'Pause' : 'Go on';
  });
  document.addEventListener('visibilitychange', ask);
  timer = setTimeout(ask, INTERVAL);
})();
`;
