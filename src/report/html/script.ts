/**
 * What the report can do where scripts run; without them it is the same page, the table in its first order and
 * films played by the browser's own `<details>`.
 */
export const SCRIPT = `
'use strict';
for (const table of document.querySelectorAll('table.episodes')) {
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    if (!head.dataset.sort) return;
    const button = document.createElement('button');
    button.type = 'button';
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener('click', () => {
      const ascending = head.getAttribute('aria-sort') !== 'ascending';
      for (const other of heads) other.removeAttribute('aria-sort');
      head.setAttribute('aria-sort', ascending ? 'ascending' : 'descending');
      const numeric = head.dataset.sort === 'number';
      const key = (row) => {
        const cell = row.cells[column];
        const text = cell.dataset.value ?? cell.textContent;
        return numeric ? (text === '' ? -Infinity : Number(text)) : text;
      };
      const order = (a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0);
      const rows = [...body.rows].sort((a, b) => (ascending ? order(a, b) : order(b, a)));
      body.append(...rows);
    });
  });
}
for (const controls of document.querySelectorAll('.controls')) {
  controls.hidden = false;
  const section = controls.closest('section');
  const said = controls.querySelector('[role=status]');
  controls.addEventListener('change', (event) => {
    const wanted = event.target.value;
    let shown = 0;
    for (const item of section.querySelectorAll('[data-outcome]')) {
      item.hidden = wanted !== 'all' && item.dataset.outcome !== wanted;
      if (!item.hidden && item.matches('tr')) shown++;
    }
    said.textContent = shown + (shown === 1 ? ' episode' : ' episodes') + ' shown';
  });
  const all = controls.querySelector('button');
  if (all) all.addEventListener('click', () => {
    const cards = [...section.querySelectorAll('details.episode')];
    const open = cards.some((card) => !card.open);
    for (const card of cards) card.open = open;
    all.textContent = open ? 'Close all details' : 'Open all details';
  });
}
// A film starts from its beginning each time.
for (const film of document.querySelectorAll('details.film')) {
  film.addEventListener('toggle', () => {
    const image = film.querySelector('img');
    if (film.open) image.src = image.src;
  });
}
`;
