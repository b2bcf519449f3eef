/**
 * What tests ask of a page, as expressions that run in it: text, for the types of a page are not those of Node,
 * and one program cannot have both.
 */

/** Opens whatever can be opened. */
export const OPEN_ALL = `document.querySelectorAll('details').forEach((details) => { details.open = true; })`;

/** Pictures that do not decode, or that say nothing to those who cannot see them. */
export const BROKEN_PICTURES = `(async () => {
  const pictures = [...document.images];
  await Promise.all(pictures.map((picture) => picture.decode().catch(() => {})));
  return pictures.filter(({ naturalWidth, alt }) => naturalWidth === 0 || alt === '').map(({ alt }) => alt);
})()`;

/** Counts of what a screen reader trips over: all 0, but for one first heading. */
export const STRUCTURE = `(() => {
  const all = (selector) => [...document.querySelectorAll(selector)];
  const levels = all('h1, h2, h3, h4').map(({ tagName }) => Number(tagName[1]));
  const ids = all('[id]').map(({ id }) => id);
  const unnamed = (svg) => svg.getAttribute('role') !== 'img' || !svg.querySelector('title + desc');
  return {
    firsts: levels.filter((level) => level === 1).length,
    skipped: levels.filter((level, i) => i > 0 && level > levels[i - 1] + 1).length,
    headers: all('th:not([scope])').length,
    charts: all('svg:not([aria-hidden])').filter(unnamed).length,
    twice: ids.filter((id, i) => ids.indexOf(id) < i),
    dangling: all('a[href^="#"]').filter(({ hash }) => !ids.includes(hash.slice(1))).length,
  };
})()`;

/** Elements that reach beyond the page's width, or cut off what is in them. */
export const CLIPPED = `[...document.querySelectorAll('main *')]
  .filter((element) => !element.closest('svg') && element.getClientRects().length > 0)
  .filter((element) => !element.matches('.visually-hidden'))
  .filter((element) => {
    const { overflowX, overflowY } = getComputedStyle(element);
    const hides = overflowX !== 'visible' || overflowY !== 'visible';
    const beyond = element.getBoundingClientRect().right > innerWidth + 1;
    return beyond || (hides && element.scrollHeight > element.clientHeight + 1);
  })
  .map(({ tagName, className, textContent }) => [tagName, className, textContent.slice(0, 40)].join(' '))`;

/** Visible texts whose contrast with what lies behind them is below 4.5 (WCAG 2.2, 1.4.3), and how many were checked. */
export const FAINT_TEXTS = `(() => {
  const canvas = document.createElement('canvas').getContext('2d');
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const luminance = ([r, g, b]) => {
    const linear = (value) => {
      const share = value / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    };
    return 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = rgba(getComputedStyle(at).backgroundColor);
      if (colour[3] === 255) return colour;
    }
    return [255, 255, 255];
  };
  const texts = new Set();
  let checked = 0;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    const text = node.textContent.trim();
    if (text === '' || element.closest('script, style, title, desc')) continue;
    if (element.getClientRects().length === 0) continue;
    const style = getComputedStyle(element);
    const ink = luminance(rgba(element.closest('svg') ? style.fill : style.color));
    const ground = luminance(behind(element));
    checked++;
    const contrast = (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05);
    if (contrast < 4.5) texts.add([element.tagName, contrast.toFixed(2), text.slice(0, 40)].join(' '));
  }
  return { checked, texts: [...texts] };
})()`;

/** Tries to reach a server, as code that got into the page might. */
export const callOut = (url: string): string => `(async () => {
  await fetch('${url}/fetch').catch(() => {});
  await new Promise((resolve) => {
    const image = new Image();
    image.onload = image.onerror = resolve;
    image.src = '${url}/image.png';
  });
})()`;
