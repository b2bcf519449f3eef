/**
 * What the operator of a recording may do when, as a pure state machine: keys and services are two ways to
 * say the same words.
 *
 * An episode is started, stopped and labelled; a label given while it runs stops it too. Nothing starts
 * before the last episode has its label: a demonstration nobody judged is worth nothing to a learner.
 */

export const INPUTS = ['start', 'stop', 'success', 'failure', 'discard', 'quit'] as const;
export type OperatorInput = (typeof INPUTS)[number];

/** `idle` between episodes, `stopped` while an episode awaits its label. */
export type Phase = 'idle' | 'recording' | 'stopped' | 'done';

/** How an episode that is kept ended; `interrupted` is one without a verdict. */
export type Label = 'success' | 'failure' | 'interrupted';

export type Action =
  | { readonly kind: 'begin' | 'stop' | 'discard' }
  | { readonly kind: 'keep'; readonly label: Label };

export type Transition =
  | { readonly accepted: true; readonly phase: Phase; readonly actions: readonly Action[] }
  /** Nothing happens; `why` is a sentence for the operator. */
  | { readonly accepted: false; readonly phase: Phase; readonly why: string };

const BEGIN: Action = { kind: 'begin' };
const STOP: Action = { kind: 'stop' };

/** What `input` does in `phase`; the actions are to be carried out in their order. */
export function transition(phase: Phase, input: OperatorInput): Transition {
  const go = (next: Phase, ...actions: Action[]): Transition => ({ accepted: true, phase: next, actions });
  const refuse = (why: string): Transition => ({ accepted: false, phase, why });
  if (phase === 'done') return refuse('The recording session has ended.');
  switch (input) {
    case 'start':
      if (phase === 'recording') return refuse('An episode is being recorded already.');
      if (phase === 'stopped')
        return refuse('The last episode has no label yet: say success, failure or discard first.');
      return go('recording', BEGIN);
    case 'stop':
      if (phase === 'recording') return go('stopped', STOP);
      return refuse(
        phase === 'idle'
          ? 'Nothing is being recorded.'
          : 'The episode has stopped already: say success, failure or discard.',
      );
    case 'quit':
      return go('done', ...ending(phase, { kind: 'keep', label: 'interrupted' }));
    default: {
      if (phase === 'idle') return refuse('There is no episode to label: start one first.');
      const verdict: Action = input === 'discard' ? { kind: 'discard' } : { kind: 'keep', label: input };
      return go('idle', ...ending(phase, verdict));
    }
  }
}

function ending(phase: Phase, verdict: Action): Action[] {
  if (phase === 'idle') return [];
  return phase === 'recording' ? [STOP, verdict] : [verdict];
}
