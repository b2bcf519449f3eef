/** What code allocates on V8's heap, by the function that does, garbage already collected included. */
import { Session } from 'node:inspector/promises';

/** Bytes between two samples, on average; what is smaller than this is seen as rarely as it is small. */
const SAMPLING_INTERVAL = 64;

/**
 * Bytes allocated while `run` runs, by `function file`, of functions in files whose path `within` matches.
 * Estimates from V8's sampling heap profiler, which counts an inlined function as the one it is inlined into.
 */
export async function allocations(within: RegExp, run: () => void): Promise<Map<string, number>> {
  const session = new Session();
  session.connect();
  try {
    await session.post('HeapProfiler.startSampling', {
      samplingInterval: SAMPLING_INTERVAL,
      includeObjectsCollectedByMajorGC: true,
      includeObjectsCollectedByMinorGC: true,
    });
    run();
    const { profile } = await session.post('HeapProfiler.stopSampling');
    const bytes = new Map<string, number>();
    const nodes = [profile.head];
    for (let node = nodes.pop(); node; node = nodes.pop()) {
      const { functionName, url } = node.callFrame;
      if (within.test(url) && node.selfSize > 0) {
        const key = `${functionName || '(anonymous)'} ${url.split('/').at(-1)}`;
        bytes.set(key, (bytes.get(key) ?? 0) + node.selfSize);
      }
      nodes.push(...node.children);
    }
    return bytes;
  } finally {
    session.disconnect();
  }
}
