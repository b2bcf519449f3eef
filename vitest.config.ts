import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    // Processes, not threads: onnxruntime-node and worker_threads each want a process of their own.
    pool: 'forks',
    poolOptions: { forks: { maxForks: 2, minForks: 1 } },
    // Only a guard against a hang: end-to-end tests start whole programs on slow, shared machines.
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
