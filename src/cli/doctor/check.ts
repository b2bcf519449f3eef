/** What a check found. Every check says what is, and where that is not well, what to do. */

/** `fail`: no policy can run here. `warn`: a part of Saccade, or its full speed, cannot be had. */
export type Level = 'ok' | 'warn' | 'fail';

export interface Finding {
  /** What was looked at: `disk`, `provider cuda`. */
  readonly name: string;
  readonly level: Level;
  readonly finding: string;
  /** What to do; for `warn` and `fail`. */
  readonly advice?: string;
}

export const ok = (name: string, finding: string): Finding => ({ name, level: 'ok', finding });

export const warn = (name: string, finding: string, advice: string): Finding => ({
  name,
  level: 'warn',
  finding,
  advice,
});

export const fail = (name: string, finding: string, advice: string): Finding => ({
  name,
  level: 'fail',
  finding,
  advice,
});

/** First line of what was thrown. */
export function reason(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).trim().split('\n')[0] ?? '';
}
