import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { INPUTS, type OperatorInput, type Phase, transition } from './operator.js';

/** Every action of a sequence of inputs, and where it ends. */
function play(inputs: readonly OperatorInput[]): { phase: Phase; actions: string[]; refusals: string[] } {
  let phase: Phase = 'idle';
  const actions: string[] = [];
  const refusals: string[] = [];
  for (const input of inputs) {
    const step = transition(phase, input);
    phase = step.phase;
    if (step.accepted) {
      actions.push(...step.actions.map((a) => (a.kind === 'keep' ? `keep ${a.label}` : a.kind)));
    } else refusals.push(step.why);
  }
  return { phase, actions, refusals };
}

describe('transition', () => {
  it('records, stops and labels', () => {
    expect(play(['start', 'stop', 'success', 'start', 'stop', 'discard'])).toEqual({
      phase: 'idle',
      actions: ['begin', 'stop', 'keep success', 'begin', 'stop', 'discard'],
      refusals: [],
    });
  });

  it.each([
    ['success', 'keep success'],
    ['failure', 'keep failure'],
    ['discard', 'discard'],
  ] as const)('%s while recording stops and labels at once', (input, action) => {
    expect(play(['start', input])).toEqual({
      phase: 'idle',
      actions: ['begin', 'stop', action],
      refusals: [],
    });
  });

  it('keeps an episode without a verdict as interrupted when the operator leaves', () => {
    expect(play(['start', 'quit']).actions).toEqual(['begin', 'stop', 'keep interrupted']);
    expect(play(['start', 'stop', 'quit']).actions).toEqual(['begin', 'stop', 'keep interrupted']);
    expect(play(['quit'])).toEqual({ phase: 'done', actions: [], refusals: [] });
  });

  it('says what is missing instead of guessing', () => {
    expect(play(['start', 'start']).refusals).toEqual(['An episode is being recorded already.']);
    expect(play(['start', 'stop', 'start']).refusals[0]).toMatch(
      /no label yet: say success, failure or disc/,
    );
    expect(play(['stop']).refusals).toEqual(['Nothing is being recorded.']);
    expect(play(['start', 'stop', 'stop']).refusals[0]).toMatch(/stopped already/);
    expect(play(['success', 'failure', 'discard']).refusals).toEqual(
      Array(3).fill('There is no episode to label: start one first.'),
    );
    expect(play(['quit', 'start']).refusals).toEqual(['The recording session has ended.']);
  });

  it('gives every episode that began one stop and one end, in that order, whatever the operator does', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...INPUTS)), (inputs) => {
        const { actions, phase } = play([...inputs, 'quit']);
        expect(phase).toBe('done');
        const episodes = actions.join(',').split('begin').slice(1);
        for (const episode of episodes)
          expect(episode.replace(/,$/, '')).toMatch(/^,stop,(keep (success|failure|interrupted)|discard)$/);
        expect(actions.filter((action) => action === 'begin')).toHaveLength(episodes.length);
      }),
    );
  });
});
