import { describe, expect, it } from 'vitest';
import { UserError } from '../errors.js';
import { AUTO, PROVIDERS, parseProviders, providerSettings } from './providers.js';

describe('parseProviders', () => {
  it('takes auto, each name, and lists in their order', () => {
    expect(parseProviders('auto')).toEqual(AUTO);
    for (const name of PROVIDERS) expect(parseProviders(name)).toEqual([name]);
    expect(parseProviders('tensorrt, cuda,cpu')).toEqual(['tensorrt', 'cuda', 'cpu']);
  });

  it.each([
    ['gpu', "provider 'gpu' is unknown; use auto, or one or more of cpu, cuda, tensorrt, webgpu"],
    ['cuda,,cpu', "provider '' is unknown"],
    ['', "provider '' is unknown"],
    ['cuda,auto', "provider 'auto' is unknown"],
    ['cuda,cpu,cuda', "provider cuda is named twice in 'cuda,cpu,cuda'"],
  ])('refuses %o', (text, message) => {
    expect(() => parseProviders(text)).toThrow(UserError);
    expect(() => parseProviders(text)).toThrow(message);
  });
});

describe('providerSettings', () => {
  it('fills in what is not said', () => {
    expect(providerSettings({})).toEqual({ order: AUTO, deviceId: 0, threads: 1 });
    expect(providerSettings({ provider: 'tensorrt,cpu', deviceId: 1, threads: 4 })).toEqual({
      order: ['tensorrt', 'cpu'],
      deviceId: 1,
      threads: 4,
    });
  });

  it('refuses a device for providers that have none', () => {
    expect(() => providerSettings({ provider: 'webgpu,cpu', deviceId: 1 })).toThrow(
      new UserError('device id 1 means nothing to provider webgpu,cpu: only cuda and tensorrt take one'),
    );
    expect(providerSettings({ provider: 'cpu', deviceId: 0 }).deviceId).toBe(0);
  });
});
