/**
 * How the report looks: like a paper, on screens light and dark, and on paper.
 *
 * Colours are those of Okabe and Ito ("Color universal design", 2008) for lines and areas, told apart by
 * colour-blind readers too, and darker or lighter kin of them for text, at a contrast of at least 4.5.
 */
export const STYLE = `
:root {
  color-scheme: light dark;
  --page: #f6f6f3; --sheet: #ffffff; --ink: #1c2126; --muted: #59626c; --rule: #d8dbdf; --faint: #eceef0;
  --link: #00599c; --good: #00664b; --bad: #a83c06; --good-wash: #e3f3ee; --bad-wash: #fbebe2; --note: #fdf6dd;
  --blue: #0072b2; --orange: #d55e00; --grey: #7d868f;
  --q1: #b07a00; --q2: #3a8a55; --q3: #1a8591; --q4: #2b6cb3; --q5: #47308f;
  --serif: Charter, "Bitstream Charter", "Iowan Old Style", "Palatino Linotype", Palatino, "Source Serif 4", Cambria, Georgia, "Liberation Serif", serif;
  --sans: -apple-system, BlinkMacSystemFont, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", Arial, sans-serif;
  --mono: ui-monospace, "SF Mono", "Cascadia Mono", Consolas, "Liberation Mono", Menlo, monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #14171a; --sheet: #1b1f23; --ink: #e7e9eb; --muted: #a6afb8; --rule: #3a4149; --faint: #272c32;
    --link: #7cc0f5; --good: #5fcfae; --bad: #ff9e66; --good-wash: #17342c; --bad-wash: #3d2416; --note: #38321a;
    --blue: #56b4e9; --orange: #f08a3c; --grey: #8d97a1;
    --q1: #e2bd4b; --q2: #7fd08a; --q3: #4fc3c7; --q4: #6fa8ee; --q5: #b9a0f7;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; scroll-padding-top: 3.6rem; }
body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.55 var(--sans); font-variant-numeric: tabular-nums; overflow-wrap: break-word; }
a { color: var(--link); text-underline-offset: .15em; text-decoration-thickness: .06em; }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; border-radius: 2px; }
.skip { position: absolute; left: -999rem; }
.skip:focus { left: 1rem; top: .5rem; z-index: 3; background: var(--sheet); padding: .4rem .8rem; }
.visually-hidden { position: absolute; width: 1px; height: 1px; margin: -1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
code { font: .86em var(--mono); overflow-wrap: anywhere; }

.masthead, main, footer { max-width: 73rem; margin: 0 auto; padding: 0 2rem; }
.masthead { padding-top: 3.2rem; }
.kicker { margin: 0 0 .5rem; color: var(--muted); font-size: .8rem; letter-spacing: .09em; text-transform: uppercase; }
h1, h2, h3, h4 { font-family: var(--serif); font-weight: 600; line-height: 1.2; text-wrap: balance; }
h1 { font-size: 2.5rem; letter-spacing: -.012em; margin: 0; }
h2 { font-size: 1.65rem; margin: 0 0 1.1rem; }
h3 { font-size: 1.22rem; margin: 2.4rem 0 .7rem; }
.lede { font: 1.18rem/1.55 var(--serif); max-width: 46rem; margin: 1rem 0 0; }
p { max-width: 46rem; }
.quiet, .reason { color: var(--muted); font-size: .9rem; }
.warning { max-width: none; margin: 1.2rem 0; padding: .7rem 1rem; background: var(--note); border-left: 3px solid var(--orange); }
.facts { display: grid; grid-template-columns: repeat(auto-fill, minmax(9.5rem, 1fr)); gap: .9rem 1.6rem; margin: 1.8rem 0 0; padding: 1.1rem 0; border: solid var(--rule); border-width: 1px 0; }
.facts div { min-width: 0; }
dt { color: var(--muted); font-size: .8rem; }
dd { margin: 0; }

nav { position: sticky; top: 0; z-index: 2; background: var(--page); border-bottom: 1px solid var(--rule); margin-top: 1.4rem; }
nav ul { display: flex; flex-wrap: wrap; gap: 0 1.5rem; max-width: 73rem; margin: 0 auto; padding: .55rem 2rem; list-style: none; font-size: .9rem; }
nav a { text-decoration: none; }
nav a:hover { text-decoration: underline; }

main > section { background: var(--sheet); border: 1px solid var(--rule); border-radius: 6px; padding: 2rem 2.2rem 2.2rem; margin: 1.6rem 0; }
.run-title { margin: 3.4rem 0 0; }
figure { margin: 0; min-width: 0; }
figcaption { margin: 0 0 .5rem; font-size: .9rem; color: var(--muted); max-width: 46rem; }
figcaption strong { color: var(--ink); font-weight: 600; }
.columns { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 2rem 2.6rem; align-items: start; }
.columns > div > :first-child { margin-top: 0; }
.tiles + .columns { margin-top: 2.4rem; }

.pairs { margin-top: 1.6rem; }
.tiles { display: grid; grid-auto-flow: column; grid-template-columns: minmax(0, 1.9fr); grid-auto-columns: minmax(0, 1fr); gap: 1.5rem 2.2rem; }
.tile { min-width: 0; }
.tile + .tile { border-left: 1px solid var(--rule); padding-left: 2.2rem; }
.tile h3 { margin: 0; font: 600 .9rem var(--sans); color: var(--muted); }
.figure { font: 600 2.1rem/1.2 var(--serif); margin: .15rem 0 .1rem; white-space: nowrap; }
.tile:first-child .figure { font-size: 3.3rem; }
.tile p { margin: 0; }
.tile svg { margin-top: .6rem; }

svg { display: block; max-width: 100%; height: auto; font-family: var(--sans); overflow: visible; }
figure > svg { width: 100%; }
text { fill: var(--ink); }
.tick { font-size: 11px; fill: var(--muted); }
.label { font-size: 11.5px; fill: var(--muted); }
.name { font-size: 12.5px; }
.grid { stroke: var(--faint); stroke-width: 1; }
.axis { stroke: var(--grey); stroke-width: 1; }
.zero { stroke: var(--ink); stroke-width: 1.2; stroke-dasharray: 4 3; }
.whisker { stroke: var(--blue); stroke-width: 2.4; fill: none; }
.dot { fill: var(--blue); stroke: var(--sheet); stroke-width: 1.5; }
.line { fill: none; stroke-width: 1.8; stroke-linejoin: round; }
.thin { stroke-width: 1.3; opacity: .75; }
.main, .seen { stroke: var(--blue); }
.seen { stroke-width: 2.8; }
.told { stroke: var(--orange); stroke-width: 1; }
.line.ok { stroke: var(--blue); }
.line.bad { stroke: var(--orange); stroke-dasharray: 5 2.5; }
.end.ok { fill: var(--blue); }
.end.bad { fill: var(--orange); }
.q1 { stroke: var(--q1); } .q2 { stroke: var(--q2); } .q3 { stroke: var(--q3); } .q4 { stroke: var(--q4); } .q5 { stroke: var(--q5); stroke-width: 2.4; }
.bar { fill: var(--blue); }
.bar-track { fill: var(--faint); }
.mark { stroke: var(--orange); stroke-width: 1.4; }
.event { stroke: var(--orange); stroke-width: 1.2; fill: none; opacity: .8; }
.legend { display: flex; flex-wrap: wrap; gap: .1rem 1.2rem; margin: .2rem 0 .6rem; padding: 0; list-style: none; font-size: .85rem; color: var(--muted); }
.legend li { display: flex; align-items: center; gap: .45rem; }

table .reason { font-weight: 400; white-space: normal; }
table { border-collapse: collapse; font-size: .92rem; }
caption { text-align: left; color: var(--muted); font-size: .9rem; padding-bottom: .5rem; }
th, td { padding: .42rem 1.3rem .42rem 0; text-align: left; vertical-align: middle; border-bottom: 1px solid var(--rule); }
th { font-weight: 600; white-space: nowrap; }
thead th, thead td { border-bottom: 1.5px solid var(--grey); vertical-align: bottom; }
th:last-child, td:last-child { padding-right: 0; }
.n { text-align: right; white-space: nowrap; }
td svg { display: inline-block; vertical-align: middle; max-width: none; }
.table-box { max-width: 100%; overflow-x: auto; }

.episodes { width: 100%; }
.episodes-box { max-height: 34rem; overflow: auto; border: solid var(--rule); border-width: 1px 0; overscroll-behavior: auto; }
.episodes thead th { position: sticky; top: 0; background: var(--sheet); box-shadow: inset 0 -1.5px var(--grey); border: 0; z-index: 1; }
.episodes td { padding-top: .3rem; padding-bottom: .3rem; }
.episodes img { display: block; height: 46px; width: auto; border-radius: 3px; }
.episodes th button { all: unset; cursor: pointer; font-weight: 600; }
.episodes th button:hover { color: var(--link); }
.episodes th button:focus-visible { outline: 2px solid var(--link); outline-offset: 3px; border-radius: 2px; }
.episodes th button::after { content: "\\2195"; color: var(--muted); font-weight: 400; padding-left: .3em; }
.episodes th[aria-sort=ascending] button::after { content: "\\2191"; color: var(--ink); }
.episodes th[aria-sort=descending] button::after { content: "\\2193"; color: var(--ink); }
.episodes .reason { min-width: 11rem; max-width: 20rem; }
.verdict { font-weight: 600; white-space: nowrap; }
.verdict.ok { color: var(--good); } .verdict.bad { color: var(--bad); } .verdict.open { color: var(--muted); }
.controls { display: flex; flex-wrap: wrap; align-items: center; gap: .5rem 1.6rem; margin: 0 0 .9rem; font-size: .92rem; }
.controls[hidden] { display: none; }
.controls fieldset { display: flex; flex-wrap: wrap; gap: .3rem 1.1rem; border: 0; padding: 0; margin: 0; }
.controls legend { float: left; padding: 0; margin-right: 1.1rem; color: var(--muted); }
.controls label { cursor: pointer; }
.controls button, .film summary { font: inherit; font-size: .9rem; color: var(--link); background: none; border: 1px solid var(--rule); border-radius: 4px; padding: .2rem .75rem; cursor: pointer; }
.controls button:hover, .film summary:hover { border-color: var(--link); }

.episode { border-top: 1px solid var(--rule); }
.episode:last-of-type { border-bottom: 1px solid var(--rule); }
.episode > summary { display: flex; flex-wrap: wrap; align-items: baseline; gap: .1rem 1.1rem; padding: .75rem .2rem; cursor: pointer; list-style: none; }
.episode > summary::-webkit-details-marker { display: none; }
.episode > summary::before { content: "\\203A"; width: .6rem; color: var(--muted); font-size: 1.15rem; line-height: 1; }
.episode[open] > summary::before { content: "\\2304"; }
.episode > summary:hover strong { color: var(--link); }
.episode strong { font: 600 1.08rem var(--serif); }
.episode .quiet { margin-left: auto; }
.body { display: grid; grid-template-columns: minmax(0, 1.75fr) minmax(0, 1fr); gap: 1.5rem 2.4rem; padding: .3rem 0 2.2rem; scroll-margin-top: 7rem; }
.body > .wide { grid-column: 1 / -1; }
.body p { margin: 0; }
.strip { display: block; width: 100%; height: auto; border-radius: 3px; }
.times { display: flex; justify-content: space-between; font-size: .78rem; color: var(--muted); padding: .2rem 0 0; margin: 0; list-style: none; }
.times li { flex: 1; text-align: center; }
.film { margin-top: .8rem; }
.film summary { display: inline-block; list-style: none; }
.film summary::-webkit-details-marker { display: none; }
.film summary::before { content: "\\25B6\\00A0\\00A0"; font-size: .8em; }
.film[open] summary::before { content: "\\25A0\\00A0\\00A0"; }
.film img { image-rendering: pixelated; display: block; width: 100%; height: auto; margin-top: .7rem; border-radius: 3px; }
.curves figure + figure { margin-top: .9rem; }
.joints { display: grid; grid-template-columns: repeat(auto-fill, minmax(14rem, 1fr)); gap: .8rem 1.4rem; }
.joints svg { width: 100%; }
footer { padding: 1rem 2rem 3.5rem; color: var(--muted); font-size: .85rem; }

@media screen and (max-width: 62rem) {
  .tiles { grid-auto-flow: row; grid-template-columns: repeat(3, minmax(0, 1fr)); }
  .tile:first-child { grid-column: 1 / -1; }
  .tile:nth-child(2) { border-left: 0; padding-left: 0; }
  .body { grid-template-columns: minmax(0, 1fr); }
  .curves { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 1.4rem; }
  .curves figure + figure { margin: 0; }
}
@media screen and (max-width: 44rem) {
  .masthead, main, footer { padding-left: 1rem; padding-right: 1rem; }
  .masthead { padding-top: 1.8rem; }
  h1 { font-size: 1.85rem; }
  main > section { padding: 1.3rem 1.1rem; }
  nav { position: static; }
  nav ul { padding: .55rem 1rem; }
  html { scroll-padding-top: 1rem; }
  .body { scroll-margin-top: 4rem; }
  .columns, .tiles { grid-template-columns: minmax(0, 1fr); }
  .tile + .tile { border-left: 0; padding-left: 0; border-top: 1px solid var(--rule); padding-top: 1rem; }
  .curves { grid-template-columns: minmax(0, 1fr); }
  .episode .quiet { margin-left: 1.7rem; }
  .episodes-box { max-height: 30rem; }
  .bars { display: none; }
}
@media (prefers-reduced-motion: no-preference) {
  html { scroll-behavior: smooth; }
}
@media print {
  @page { margin: 16mm 14mm; }
  :root {
    color-scheme: light;
    --page: #fff; --sheet: #fff; --ink: #000; --muted: #444; --rule: #bbb; --faint: #e6e6e6;
    --link: #000; --good: #00553e; --bad: #8f3203; --good-wash: #fff; --bad-wash: #fff; --note: #fff;
    --blue: #0072b2; --orange: #d55e00; --grey: #666;
    --q1: #b07a00; --q2: #3a8a55; --q3: #1a8591; --q4: #2b6cb3; --q5: #47308f;
  }
  body { font-size: 9.5pt; }
  h1 { font-size: 21pt; } h2 { font-size: 15pt; } h3 { font-size: 12pt; }
  .lede { font-size: 11pt; }
  nav, .controls, .film, .skip { display: none; }
  a { text-decoration: none; }
  .masthead, main, footer { max-width: none; padding: 0; }
  main > section { border: 0; border-radius: 0; padding: 0; margin: 9mm 0 0; }
  .facts { grid-template-columns: repeat(4, minmax(0, 1fr)); gap: 2mm 6mm; padding: 3mm 0; }
  .tiles { grid-auto-flow: column; grid-template-columns: minmax(0, 1.9fr); gap: 4mm; }
  .tile + .tile { padding-left: 4mm; }
  .figure { font-size: 15pt; } .tile:first-child .figure { font-size: 24pt; }
  .columns { gap: 4mm 8mm; }
  .table-box, .episodes-box { max-height: none; overflow: visible; border: 0; }
  .episodes thead th { position: static; box-shadow: none; border-bottom: 1px solid var(--grey); }
  .episodes img { height: 9mm; }
  .episodes { font-size: 8pt; }
  .episodes td, .episodes th { padding-right: 1.5mm; }
  thead { display: table-header-group; }
  .episodes th button { display: contents; }
  .episodes th button::after { content: none; }
  th { white-space: normal; }
  th, td { padding-right: 3mm; }
  .bars { display: none; }
  .episodes .reason { min-width: 0; }
  .reason, .verdict, tbody th { white-space: normal; overflow-wrap: anywhere; }
  tr, figure, .tile, .curves, .columns > div, .joints svg { break-inside: avoid; }
  h2, h3, caption, .print-only, .episode > summary { break-after: avoid; }
  /* What the reader has not opened is not printed; the table has it all in short. */
  .episode:not([open]) { display: none; }
  .body { display: block; padding-bottom: 5mm; }
  .body > * + * { margin-top: 4mm; }
  .strip, .times { width: 75%; }
  .joints { grid-template-columns: repeat(4, minmax(0, 1fr)); gap: 2mm 4mm; }
  .curves { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: 5mm; }
  .curves figure + figure { margin: 0; }
  .curves figcaption { margin: 0; font-size: 8pt; }
  svg, img, .bar, .dot { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
@media not print { .print-only { display: none; } }
`;
