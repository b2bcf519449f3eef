import { describe, expect, it } from 'vitest';
import { UserError } from '../../errors.js';
import { LOOK_MS, untilDelivering } from './waiting.js';

/** A robot whose topics deliver one after the other, `at` s after the wait began. */
function robot(at: Readonly<Record<string, number>>) {
  let now = 0;
  return {
    said: [] as string[],
    get now() {
      return now;
    },
    sources: {
      look: async () => {},
      missing: () => Object.keys(at).filter((topic) => now < (at[topic] as number)),
    },
    sleep: async (ms: number) => {
      now += ms / 1000;
    },
  };
}

const wait = (bot: ReturnType<typeof robot>, timeoutS?: number, signal = new AbortController().signal) =>
  untilDelivering({
    sources: bot.sources,
    signal,
    ...(timeoutS !== undefined && { timeoutS }),
    onWaiting: (missing) => bot.said.push(missing.join(' ')),
    sleep: bot.sleep,
  });

describe('untilDelivering', () => {
  it('waits for the last topic, and says what is missing when that changes', async () => {
    const bot = robot({ '/joints': 0.5, '/head': 3, '/wrist': 5 });
    await wait(bot);
    expect(bot.now).toBeCloseTo(5, 9);
    expect(bot.said).toEqual(['/head /wrist', '/wrist']);
  });

  it('says nothing of what comes up at once', async () => {
    const bot = robot({ '/head': 2 * (LOOK_MS / 1000) });
    await wait(bot);
    expect(bot.said).toEqual([]);
  });

  it('gives up after the timeout, naming what is missing', async () => {
    const bot = robot({ '/joints': 0, '/head': 60 });
    const error = await wait(bot, 10).catch((e) => e);
    expect(error).toBeInstanceOf(UserError);
    expect(error.message).toMatch(/^after 10 s nothing has come from \/head: start what publishes it/);
    expect(bot.now).toBeCloseTo(10, 9);
  });

  it('stops when it is told to', async () => {
    const controller = new AbortController();
    const bot = robot({ '/head': 60 });
    const waiting = wait({ ...bot, sleep: async () => controller.abort() }, undefined, controller.signal);
    await expect(waiting).resolves.toBeUndefined();
  });
});
