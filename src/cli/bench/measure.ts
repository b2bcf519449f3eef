/** Measures how fast policies run, several ways by turns, so that whatever else the machine does hits all alike. */
import { percentile } from '../../episode/statistics.js';
import { UserError } from '../../errors.js';
import type { PolicyBundle } from '../../infer/bundle.js';
import { exampleObservations, type ImageSize } from '../../infer/exampleObservations.js';
import { Policy } from '../../infer/policy.js';
import type { Provider } from '../../infer/providers.js';

export interface Configuration {
  readonly bundle: PolicyBundle;
  readonly provider: Provider;
  readonly threads: number;
}

export interface Latency {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly mean: number;
}

export interface Measurement {
  readonly policy: string;
  readonly folder: string;
  /** float32, or what the bundle is a variant in. */
  readonly precision: string;
  readonly provider: Provider;
  readonly threads: number;
  /** What the provider leaves to the CPU. */
  readonly notes: readonly string[];
  /** `session.run` alone, ms. */
  readonly run_ms: Latency;
  /** From the observation to the chunk, as the loop asks for it, ms. */
  readonly infer_ms: Latency;
  readonly load_ms: number;
  readonly first_run_ms: number;
  /** By how much the process's resident memory grew, MB. */
  readonly memory_mb: number;
  readonly graph_mb: number;
}

/** A configuration that cannot be had, and why. */
export interface Unusable {
  readonly policy: string;
  readonly provider: Provider;
  readonly threads: number;
  readonly reason: string;
}

export interface MeasureOptions {
  /** Runs that count, each way. */
  readonly runs: number;
  /** Runs before them. */
  readonly warmup: number;
  /** Of the cameras; the bundle's own when absent. */
  readonly size?: ImageSize;
  /** After every turn that counts: a part of `turns(runs)` times the ways that can be had. */
  readonly onTurn?: (ways: number) => void;
}

export interface Measured {
  readonly results: readonly Measurement[];
  readonly unusable: readonly Unusable[];
}

/** Runs in a row before the next takes its turn: so many that its data are in the caches again. */
const TURN = 10;

/** How many turns make so many runs. */
export const turns = (runs: number): number => Math.ceil(runs / TURN);

export async function measure(
  configurations: readonly Configuration[],
  { runs, warmup, size, onTurn }: MeasureOptions,
): Promise<Measured> {
  const ways: Way[] = [];
  const unusable: Unusable[] = [];
  try {
    for (const configuration of configurations) {
      const opened = await Way.open(configuration, size);
      if (opened instanceof Way) ways.push(opened);
      else unusable.push(opened);
    }
    for (const way of ways) await way.run(warmup);
    for (const way of ways) way.forget();
    for (let left = runs; left > 0; left -= TURN)
      for (const way of ways) {
        await way.run(Math.min(TURN, left));
        onTurn?.(ways.length);
      }
    return { results: ways.map((way) => way.measurement()), unusable };
  } finally {
    await Promise.all(ways.map((way) => way.close()));
  }
}

/** One way of running a policy, open. */
class Way {
  readonly #configuration: Configuration;
  readonly #policy: Policy;
  readonly #memoryMb: number;
  readonly #observations: ReturnType<typeof exampleObservations>;
  #runMs: number[] = [];
  #inferMs: number[] = [];

  private constructor(
    configuration: Configuration,
    policy: Policy,
    memoryMb: number,
    size: ImageSize | undefined,
  ) {
    this.#configuration = configuration;
    this.#policy = policy;
    this.#memoryMb = memoryMb;
    this.#observations = exampleObservations(configuration.bundle, size);
  }

  static async open(configuration: Configuration, size: ImageSize | undefined): Promise<Way | Unusable> {
    const { bundle, provider, threads } = configuration;
    const refused = (reason: string): Unusable => ({ policy: bundle.name, provider, threads, reason });
    const before = process.memoryUsage.rss();
    let policy: Policy;
    try {
      // A GPU may leave nodes to the CPU, which is then noted; the CPU in its place is not what was asked for.
      policy = await Policy.load(bundle, {
        provider: provider === 'cpu' ? 'cpu' : `${provider},cpu`,
        threads,
      });
    } catch (error) {
      if (error instanceof UserError && provider !== 'cpu') return refused(error.message);
      throw error;
    }
    if (policy.provider !== provider) {
      await policy.close();
      return refused(policy.providerNotes.join('; '));
    }
    return new Way(configuration, policy, (process.memoryUsage.rss() - before) / 1e6, size);
  }

  async run(times: number): Promise<void> {
    for (let i = 0; i < times; i++) {
      const observation = this.#observations.next().value;
      const start = performance.now();
      const { runMs } = await this.#policy.infer(observation);
      this.#inferMs.push(performance.now() - start);
      this.#runMs.push(runMs);
    }
  }

  forget(): void {
    this.#runMs = [];
    this.#inferMs = [];
  }

  measurement(): Measurement {
    const { bundle, provider, threads } = this.#configuration;
    const { loadMs, firstRunMs } = this.#policy.startup;
    return {
      policy: bundle.name,
      folder: bundle.dir,
      precision: precision(bundle),
      provider,
      threads,
      notes: this.#policy.providerNotes,
      run_ms: latency(this.#runMs),
      infer_ms: latency(this.#inferMs),
      load_ms: loadMs,
      first_run_ms: firstRunMs,
      memory_mb: this.#memoryMb,
      graph_mb: bundle.graph.bytes / 1e6,
    };
  }

  close(): Promise<void> {
    return this.#policy.close();
  }
}

/** `saccade_training.variants` writes it into the provenance. */
function precision({ provenance }: PolicyBundle): string {
  const { variant } = provenance as { variant?: { precision?: unknown } };
  return typeof variant?.precision === 'string' ? variant.precision : 'float32';
}

export function latency(samples: readonly number[]): Latency {
  const sorted = Float64Array.from(samples).sort();
  const at = (q: number) => percentile(sorted, q);
  const mean = samples.reduce((sum, value) => sum + value, 0) / samples.length;
  return { p50: at(0.5), p90: at(0.9), p99: at(0.99), mean };
}
