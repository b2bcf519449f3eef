/** The operator's keyboard: one key a word, no Enter. Only on a terminal. */
import type { ReadStream } from 'node:tty';
import type { OperatorInput } from './operator.js';

/** `toggle` starts an episode, or stops the one that runs. */
export type Key = OperatorInput | 'toggle' | 'interrupt' | 'help';

const KEYS: Readonly<Record<string, Key>> = {
  ' ': 'toggle',
  '\r': 'toggle',
  '\n': 'toggle',
  s: 'success',
  f: 'failure',
  d: 'discard',
  q: 'quit',
  h: 'help',
  '?': 'help',
  /** Ctrl-C: a terminal in raw mode hands it over instead of sending SIGINT. */
  '\x03': 'interrupt',
};

export const HELP = 'Keys: space start/stop, s success, f failure, d discard, q quit.';

/** Several keys may arrive at once; what means nothing is passed over, an escape sequence (an arrow) as a whole. */
export function keysOf(text: string): Key[] {
  if (text.startsWith('\x1b')) return [];
  return [...text.toLowerCase()].flatMap((character) => KEYS[character] ?? []);
}

/** Calls `onKey` for every key until the function it returns is called, which gives the terminal back. */
export function listen(terminal: ReadStream, onKey: (key: Key) => void): () => void {
  const onData = (text: string) => {
    for (const key of keysOf(text)) onKey(key);
  };
  terminal.setRawMode(true);
  terminal.setEncoding('utf8').on('data', onData).resume();
  return () => {
    terminal.off('data', onData);
    terminal.setRawMode(false);
    terminal.pause();
  };
}
