/** Opens a graph on an execution provider. Nothing falls back silently; only `auto` chooses. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { InferenceSession, listSupportedBackends } from 'onnxruntime-node';
import { UserError } from '../errors.js';
import type { Provider, ProviderChoice } from './providers.js';

/**
 * What keeps this installation from using a provider, as a clause that says what to do; null when nothing does.
 * The libraries of CUDA and TensorRT are looked for because onnxruntime-node lists both providers wherever
 * they could be installed.
 */
export function providerObstacle(provider: Provider, libraries = libraryFolder()): string | null {
  const built = listSupportedBackends().map(({ name }) => name);
  if (!built.includes(provider)) {
    return `onnxruntime-node has no such provider on ${process.platform}/${process.arch}; it has ${built.join(', ')}`;
  }
  if (provider !== 'cuda' && provider !== 'tensorrt') return null;
  const file =
    process.platform === 'win32'
      ? `onnxruntime_providers_${provider}.dll`
      : `libonnxruntime_providers_${provider}.so`;
  if (existsSync(path.join(libraries, file))) return null;
  return `its library ${file} is not installed; run 'npm rebuild onnxruntime-node --onnxruntime-node-install=cuda12'`;
}

function libraryFolder(): string {
  const entry = createRequire(import.meta.url).resolve('onnxruntime-node');
  return path.join(path.dirname(entry), '..', 'bin', 'napi-v6', process.platform, process.arch);
}

export interface SessionRequest {
  readonly graphFile: string;
  readonly provider: ProviderChoice;
  /** CPU threads of one run. */
  readonly threads: number;
}

export interface OpenSession {
  readonly session: InferenceSession;
  readonly provider: Provider;
}

/**
 * Opens the graph on the named provider; `auto` takes CUDA where it works, the CPU elsewhere (WebGPU only
 * when named: it is not yet as dependable).
 *
 * @throws UserError when the provider cannot be had or the graph cannot be read
 */
export async function openSession(request: SessionRequest): Promise<OpenSession> {
  if (request.provider === 'auto' && providerObstacle('cuda') === null) {
    try {
      return await openOn('cuda', request);
    } catch {
      // Installed, but not usable here (no GPU, an old driver).
    }
  }
  return openOn(request.provider === 'auto' ? 'cpu' : request.provider, request);
}

async function openOn(provider: Provider, { graphFile, threads }: SessionRequest): Promise<OpenSession> {
  const obstacle = providerObstacle(provider);
  if (obstacle) throw new UserError(`provider ${provider} cannot be used: ${obstacle}`);
  try {
    const session = await InferenceSession.create(graphFile, {
      executionProviders: [provider],
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      // Threads that spin between runs would take the cores that rendering and physics need.
      extra: { session: { intra_op: { allow_spinning: '0' } } },
      // Errors only; they go to stderr.
      logSeverityLevel: 3,
    });
    return { session, provider };
  } catch (error) {
    const reason = (error as Error).message.trim();
    throw new UserError(
      provider === 'cpu'
        ? `graph ${graphFile} cannot be loaded: ${reason}`
        : `provider ${provider} cannot run graph ${graphFile}: ${reason}`,
      2,
      { cause: error },
    );
  }
}
