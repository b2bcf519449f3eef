/** The HTML report in a real Chromium: it opens, shows, sorts, prints, and does nothing else. */
import { mkdirSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { EpisodeResult } from '../src/episode/episode.js';
import { makeReport, writeHtml } from '../src/report/report.js';
import { CHROMIUM, launch } from './support/chromium.js';
import { temporaryFolder } from './support/cli.js';
import { fakeDecode, fakeEpisodeBag } from './support/episodeBag.js';
import { FAKE_CONTRACT } from './support/fakeRobot.js';
import { BROKEN_PICTURES, CLIPPED, callOut, FAINT_TEXTS, OPEN_ALL, STRUCTURE } from './support/pageChecks.js';
import { episode, part, writePart } from './support/runs.js';

/** What a hostile bundle, task or robot might be called. */
const HOSTILE = `</title></style><script>window.hacked = 1</script><img src=x onerror="window.hacked = 2">'"&`;
const CONTRACT = {
  ...FAKE_CONTRACT,
  name: HOSTILE,
  joints: FAKE_CONTRACT.joints.map((joint) => ({ ...joint, name: `${joint.name}${HOSTILE}` })),
};

const dir = temporaryFolder();
const single = join(dir, 'single.html');
const compared = join(dir, 'compared.html');

/** Seeds 3 and 6 fail; every episode has a bag but the last. */
function results(run: string, failing: readonly number[]): EpisodeResult[] {
  return [1, 2, 3, 4, 5, 6, 7].map((seed) => {
    const bag = `bags/${seed}`;
    if (seed < 7) mkdirSync(join(dir, run, bag), { recursive: true });
    return failing.includes(seed)
      ? episode(seed, false, { bag, return: 100 - seed, stop: 'failure', reason: `dropped it ${HOSTILE}` })
      : episode(seed, true, { bag, return: 10 * seed, metrics: { position_error_m: seed / 400 } });
  });
}

async function makeReports(): Promise<void> {
  const facts = { policy: HOSTILE, task: HOSTILE, robot: HOSTILE };
  await writePart(part(join(dir, 'a'), facts, results('a', [3, 6])));
  await writePart(part(join(dir, 'b'), { ...facts, control: HOSTILE }, results('b', [2])));
  const options = {
    open: async (path: string) => {
      const seed = Number(basename(path));
      return fakeEpisodeBag(episode(seed), {
        contract: CONTRACT,
        reward: (n) => (n > 30 ? 4 : n > 9 ? 1 : 0),
      });
    },
    decode: fakeDecode(CONTRACT),
  };
  await writeHtml(single, await makeReport({ paths: [join(dir, 'a')], compare: false, ...options }));
  const paths = [join(dir, 'a'), join(dir, 'b')];
  await writeHtml(compared, await makeReport({ paths, compare: true, ...options }));
}

const TITLE = 'the report in Chromium';

describe.skipIf(!CHROMIUM)(CHROMIUM ? TITLE : `${TITLE} (none found: install it, or set CHROMIUM)`, () => {
  let browser: Browser;
  const complaints: string[] = [];
  const requests: string[] = [];

  beforeAll(async () => {
    await makeReports();
    browser = await launch();
  });
  afterAll(() => browser?.close());
  afterEach(async () => {
    for (const context of browser.contexts()) await context.close();
  });

  async function show(file: string, options: BrowserContextOptions = {}): Promise<Page> {
    complaints.length = 0;
    requests.length = 0;
    const context = await browser.newContext({ viewport: { width: 1366, height: 768 }, ...options });
    const page = await context.newPage();
    page.on('console', (message) => complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('request', (request) => requests.push(request.url().slice(0, 60)));
    await page.goto(pathToFileURL(file).href, { waitUntil: 'load' });
    return page;
  }

  describe.each([
    ['of one run', single],
    ['of two runs', compared],
  ])('%s', (_, file) => {
    it('opens without a complaint and asks for nothing outside itself', async () => {
      await show(file);
      expect(complaints).toEqual([]);
      expect(requests.filter((url) => !url.startsWith('data:'))).toEqual([
        pathToFileURL(file).href.slice(0, 60),
      ]);
    });

    it('shows hostile names as they are, and runs none of them', async () => {
      const page = await show(file);
      expect(await page.evaluate('window.hacked')).toBeUndefined();
      expect(await page.locator('img[src="x"]').count()).toBe(0);
      expect(await page.locator('script').count()).toBe(1);
      expect(await page.locator('h1').innerText()).toContain(HOSTILE);
      expect(await page.title()).toContain(HOSTILE);
    });

    it('shows every picture', async () => {
      const page = await show(file);
      await page.evaluate(OPEN_ALL);
      const images = page.locator('img');
      expect(await images.count()).toBeGreaterThan(12);
      const broken = await page.evaluate<string[]>(BROKEN_PICTURES);
      expect(broken).toEqual([]);
    });

    it('is built of landmarks, headings in order, named tables and charts, links that lead somewhere', async () => {
      const page = await show(file);
      for (const landmark of ['banner', 'navigation', 'main', 'contentinfo'] as const)
        expect(await page.getByRole(landmark).count()).toBe(1);
      expect(await page.evaluate(STRUCTURE)).toEqual({
        firsts: 1,
        skipped: 0,
        headers: 0,
        charts: 0,
        twice: [],
        dangling: 0,
      });
    });

    it.each(['light', 'dark'] as const)('can be read in %s', async (colorScheme) => {
      const page = await show(file, { colorScheme });
      await page.evaluate(OPEN_ALL);
      const faint = await page.evaluate<{ checked: number; texts: string[] }>(FAINT_TEXTS);
      expect(faint.checked).toBeGreaterThan(300);
      expect(faint.texts).toEqual([]);
      const background = await page.evaluate('getComputedStyle(document.body).backgroundColor');
      expect(background).toBe(colorScheme === 'light' ? 'rgb(246, 246, 243)' : 'rgb(20, 23, 26)');
    });

    it.each([360, 768, 1366])('fits a window of %i px', async (width) => {
      const page = await show(file, { viewport: { width, height: 800 } });
      await page.evaluate(OPEN_ALL);
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width);
    });

    it('prints whole: nothing clipped, nothing that moves, nothing to click', async () => {
      // A4 less the margins of the page, at 96 dots an inch.
      const page = await show(file, { viewport: { width: 688, height: 1000 } });
      await page.emulateMedia({ media: 'print' });
      expect(await page.evaluate(CLIPPED)).toEqual([]);
      for (const gone of ['nav', '.film', '.controls'])
        expect(await page.locator(gone).first().isVisible()).toBe(false);
      expect(await page.locator('.strip').first().isVisible()).toBe(true);
      expect((await page.pdf({ format: 'A4' })).subarray(0, 5).toString()).toBe('%PDF-');
    });
  });

  it('lets nothing out, whatever were to run in it', async () => {
    let hits = 0;
    const server = createServer((_, response) => {
      hits++;
      response.end();
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as AddressInfo;
    const page = await show(single);
    await page.evaluate(callOut(`http://127.0.0.1:${port}`));
    expect(hits).toBe(0);
    expect(complaints.join(' ')).toContain('Content Security Policy');
    await new Promise((resolve) => server.close(resolve));
  });

  const seedsOf = (page: Page) =>
    page
      .locator('table.episodes tbody tr:visible th')
      .allInnerTexts()
      .then((texts) => texts.map(Number));

  it('has failures first, and sorts by the keyboard', async () => {
    const page = await show(single);
    expect(await seedsOf(page)).toEqual([3, 6, 1, 2, 4, 5, 7]);
    const head = page.getByRole('columnheader', { name: 'Return' });
    await head.getByRole('button').focus();
    await page.keyboard.press('Enter');
    expect(await seedsOf(page)).toEqual([1, 2, 4, 5, 7, 6, 3]);
    expect(await head.getAttribute('aria-sort')).toBe('ascending');
    await page.keyboard.press('Space');
    expect(await seedsOf(page)).toEqual([3, 6, 7, 5, 4, 2, 1]);
    expect(await head.getAttribute('aria-sort')).toBe('descending');
    await page.getByRole('button', { name: 'Seed' }).press('Enter');
    expect(await seedsOf(page)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(await head.getAttribute('aria-sort')).toBeNull();
  });

  it('shows what the task measures, in its unit', async () => {
    const page = await show(single);
    const head = page.getByRole('columnheader', { name: 'Position error (cm)' });
    await head.getByRole('button').press('Enter');
    // Those that were not measured come first.
    expect(await seedsOf(page)).toEqual([3, 6, 1, 2, 4, 5, 7]);
    expect(await page.locator('table.episodes tbody tr').nth(2).innerText()).toContain('0.25');
    expect(await page.locator('main').innerText()).toMatch(
      /0\.95\u00a0cm\s+± 0\.60\u00a0cm standard deviation; 5\u00a0episodes, successes and failures/,
    );
  });

  it('filters by the keyboard: table and details', async () => {
    const page = await show(single);
    await page.getByRole('radio', { name: 'all (7)' }).focus();
    await page.keyboard.press('ArrowRight');
    expect(await page.getByRole('radio', { name: 'failures (2)' }).isChecked()).toBe(true);
    expect(await seedsOf(page)).toEqual([3, 6]);
    expect(await page.locator('details.episode:visible').count()).toBe(2);
    expect(await page.getByRole('status').textContent()).toBe('2 episodes shown');
    await page.keyboard.press('ArrowRight');
    expect(await seedsOf(page)).toEqual([1, 2, 4, 5, 7]);
  });

  it('filters one run without the other', async () => {
    const page = await show(compared);
    await page.getByRole('radio', { name: 'failures (1)' }).check();
    expect(await seedsOf(page)).toEqual([3, 6, 1, 2, 4, 5, 7, 2]);
  });

  it('leads from the table to the details, closed or not', async () => {
    const page = await show(single);
    const body = page.locator('#run-1-seed-5');
    expect(await body.isVisible()).toBe(false);
    await page.getByRole('link', { name: '5', exact: true }).press('Enter');
    await body.waitFor({ state: 'visible' });
    // Of seed 7 there is no recording.
    expect(await page.getByRole('link', { name: '7', exact: true }).count()).toBe(0);
  });

  it('plays a film only when asked to, also without scripts', async () => {
    for (const javaScriptEnabled of [true, false]) {
      const page = await show(single, { javaScriptEnabled });
      const film = page.locator('.film').first();
      expect(await film.locator('img').isVisible()).toBe(false);
      await film.locator('summary').press('Enter');
      await film.locator('img').waitFor({ state: 'visible' });
    }
  });

  it('is a plain page without scripts', async () => {
    const page = await show(single, { javaScriptEnabled: false });
    expect(await page.locator('table.episodes tbody tr').count()).toBe(7);
    expect(await page.locator('.controls').isVisible()).toBe(false);
    expect(await page.locator('table.episodes button').count()).toBe(0);
    await page.getByRole('link', { name: '5', exact: true }).click();
    await page.locator('#run-1-seed-5').waitFor({ state: 'visible' });
  });
});
