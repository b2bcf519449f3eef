import { beforeEach, describe, expect, it } from 'vitest';
import { FakeLifecycle } from '../../../test/support/fakeLifecycle.js';
import { Lifecycle, type LifecycleHooks } from './lifecycle.js';

let machine: FakeLifecycle;
let lifecycle: Lifecycle;
let called: string[];
let refused: string[];
/** What a hook does beside being called. */
let does: Partial<Record<Exclude<keyof LifecycleHooks, 'refused'>, () => Promise<void>>>;

const fails = async () => {
  throw new Error('the motor is on fire');
};

beforeEach(() => {
  machine = new FakeLifecycle();
  called = [];
  refused = [];
  does = {};
  const hook = (name: keyof typeof does) => async (cause?: Error) => {
    called.push(cause ? `${name}: ${cause.message}` : name);
    await does[name]?.();
  };
  lifecycle = new Lifecycle(machine, machine, {
    configure: hook('configure'),
    activate: hook('activate'),
    deactivate: hook('deactivate'),
    cleanup: hook('cleanup'),
    shutdown: hook('shutdown'),
    error: hook('error'),
    refused: ({ message }) => refused.push(message),
  });
});

describe('Lifecycle', () => {
  it('leads through every state, by id and by label', async () => {
    expect(await machine.request({ id: 1 })).toBe(true);
    expect(await machine.request({ label: 'activate' })).toBe(true);
    expect(lifecycle.state).toBe('active');
    expect(await machine.request({ id: 4 })).toBe(true);
    expect(await machine.request({ label: 'cleanup' })).toBe(true);
    expect(await machine.request({ label: 'shutdown' })).toBe(true);
    expect(called).toEqual(['configure', 'activate', 'deactivate', 'cleanup', 'shutdown']);
    expect(machine.states).toEqual([
      ...['unconfigured', 'configuring', 'inactive', 'activating', 'active'],
      ...['deactivating', 'inactive', 'cleaningup', 'unconfigured', 'shuttingdown', 'finalized'],
    ]);
  });

  it('shows the state on the way while the work takes its time, and refuses others meanwhile', async () => {
    let done = () => {};
    does.configure = () =>
      new Promise((resolve) => {
        done = resolve;
      });
    const configured = lifecycle.change('configure');
    expect(lifecycle.state).toBe('configuring');
    expect(await machine.request({ label: 'shutdown' })).toBe(false);
    // rcl itself would take this one.
    expect(await machine.request({ label: 'transition_success' })).toBe(false);
    const wait = 'the node is configuring: wait until that is done';
    expect(refused).toEqual([wait, wait]);
    expect(lifecycle.state).toBe('configuring');
    done();
    await configured;
    expect(lifecycle.state).toBe('inactive');
  });

  it('goes through the error state, with the reason, when a transition fails', async () => {
    does.configure = fails;
    expect(await machine.request({ id: 1 })).toBe(false);
    expect(called).toEqual(['configure', 'error: the motor is on fire']);
    expect(machine.states).toEqual(['unconfigured', 'configuring', 'errorprocessing', 'unconfigured']);
    await expect(lifecycle.change('configure')).rejects.toThrow('on fire');
    does = {};
    await lifecycle.change('configure');
    expect(lifecycle.state).toBe('inactive');
  });

  it('is finalized when even the error cannot be dealt with, or the shutdown fails', async () => {
    does = { configure: fails, error: fails };
    await expect(lifecycle.change('configure')).rejects.toThrow('on fire');
    expect(lifecycle.state).toBe('finalized');
    expect(await machine.request({ id: 1 })).toBe(false);
  });

  it('is finalized by a shutdown that fails', async () => {
    does.shutdown = fails;
    await expect(lifecycle.change('shutdown')).rejects.toThrow('on fire');
    expect(lifecycle.state).toBe('finalized');
  });

  it('leaves the active state through the error state when something breaks', async () => {
    await lifecycle.change('configure');
    await lifecycle.raise(new Error('not active yet'));
    expect(lifecycle.state).toBe('inactive');
    await lifecycle.change('activate');
    await lifecycle.raise(new Error('the camera is gone'));
    expect(called.at(-1)).toBe('error: the camera is gone');
    expect(machine.states.slice(-4)).toEqual(['active', 'deactivating', 'errorprocessing', 'unconfigured']);
  });

  it.each(['activate', 'deactivate', 'cleanup'] as const)(
    'refuses to %s what is not configured',
    async (name) => {
      await expect(lifecycle.change(name)).rejects.toThrow('there is no transition');
      expect(await machine.request({ label: name })).toBe(false);
      const why = `there is no transition '${name}' from the state unconfigured`;
      expect(refused).toEqual([why, why]);
      expect(called).toEqual([]);
      expect(lifecycle.state).toBe('unconfigured');
    },
  );
});
