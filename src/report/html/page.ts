/**
 * The report as one HTML file that needs nothing else: pictures, style and script are inside, and its content
 * security policy forbids it any connection.
 */
import { createHash } from 'node:crypto';
import type { Report, ReportRun } from '../reported.js';
import { comparisonSection } from './comparison.js';
import { runLetter } from './format.js';
import { type Content, Html, html } from './html.js';
import { inWords, runFacts, runSections, type Section } from './run.js';
import { SCRIPT } from './script.js';
import { STYLE } from './style.js';

/** By which a report is known for one, before it is written over. */
export const GENERATOR = '<meta name="generator" content="Saccade report">';

const hash = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
const POLICY = [
  "default-src 'none'",
  'img-src data:',
  `style-src ${hash(STYLE)}`,
  `script-src ${hash(SCRIPT)}`,
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

export function renderPage(report: Report): string {
  const { runs } = report;
  const [first] = runs as readonly [ReportRun];
  const compared = runs.length > 1;
  const comparison: Section[] = compared
    ? [{ id: 'comparison', title: 'Comparison', content: comparisonSection(report) }]
    : [];
  const parts = runs.map((reported, i) => ({ reported, sections: runSections(reported, i) }));
  const { info } = first.run;
  const title = compared
    ? `${runs.length} runs of ${[...new Set(runs.map(({ run }) => run.info.task))].join(', ')}`
    : `${info.task} on ${info.robot}`;
  const contents = compared
    ? [
        ...comparison.map(({ id, title: text }) => [id, text] as const),
        ...parts.map(
          ({ reported, sections }, i) =>
            [sections[0]?.id ?? '', `${runLetter(i)} · ${reported.run.label}`] as const,
        ),
      ]
    : parts.flatMap(({ sections }) => sections.map(({ id, title: text }) => [id, text] as const));

  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
${new Html(GENERATOR)}
<title>${title} · Saccade report</title>
<style>${new Html(STYLE)}</style>
</head>
<body>
<a class="skip" href="#content">To the content</a>
<header class="masthead">
<p class="kicker">Saccade · evaluation report</p>
<h1>${title}</h1>
<p class="lede">${compared ? comparedInWords(runs) : inWords(first)}</p>
${!compared && factList(first)}
</header>
<nav aria-label="Contents"><ul>${contents.map(([id, text]) => html`<li><a href="#${id}">${text}</a></li>`)}</ul></nav>
<main id="content">
${comparison.map(section)}
${parts.map(({ reported, sections }, i) => [
  compared &&
    html`<div class="run-title"><h2>${runLetter(i)} · ${reported.run.label}</h2><p>${inWords(reported)}</p>${factList(reported)}</div>`,
  sections.map(section),
])}
</main>
<footer><p>Made by <code>saccade report</code>. Everything shown is in this file; it opens no connection.</p></footer>
<script>${new Html(SCRIPT)}</script>
</body>
</html>
`;
  return page.text;
}

function section({ id, title, content }: Section): Html {
  return html`<section id="${id}" aria-labelledby="${id}-title"><h2 id="${id}-title">${title}</h2>${content}</section>\n`;
}

function factList(reported: ReportRun): Html {
  return html`<dl class="facts">${runFacts(reported).map(([name, value]: readonly [string, Content]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

function comparedInWords(runs: readonly ReportRun[]): string {
  const named = runs.map(({ run }, i) => `${runLetter(i)} is ${run.label}`);
  return `${named.join(', ')}. ${runs.length === 2 ? 'B is' : 'The others are'} compared with A.`;
}
