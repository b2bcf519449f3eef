/** Opens a graph on an execution provider. Nothing falls back silently: what is not used is said, and why. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import path from 'node:path';
import { env, InferenceSession, listSupportedBackends } from 'onnxruntime-node';
import { UserError } from '../errors.js';
import { onCpu, placement } from './placement.js';
import type { Provider, ProviderSettings } from './providers.js';

// onnxruntime logs what it throws, too, in several lines on stderr; who catches it says it in one.
env.logLevel = 'fatal';

export interface OpenSession {
  readonly session: InferenceSession;
  readonly provider: Provider;
  /** Why a provider named before it is not used, and what of the graph it leaves to the CPU; a clause each. */
  readonly notes: readonly string[];
}

/**
 * Opens the graph on the first provider of `settings.order` that can run it.
 *
 * @param prove runs it once, and throws a UserError where that fails: some drivers fail only then
 * @throws UserError when none can, or the graph cannot be read
 */
export async function openSession(
  graphFile: string,
  settings: ProviderSettings,
  prove: (session: InferenceSession) => Promise<void> = async () => {},
): Promise<OpenSession> {
  const notes: string[] = [];
  for (const provider of settings.order) {
    try {
      const { session, note } = await openOn(provider, graphFile, settings);
      await proven(provider, session, prove);
      return { session, provider, notes: note === undefined ? notes : [...notes, note] };
    } catch (error) {
      // On the CPU it is the graph that is at fault.
      if (!(error instanceof UserError) || provider === 'cpu' || settings.order.length === 1) throw error;
      notes.push(error.message);
    }
  }
  throw new UserError(notes.join('; '));
}

async function proven(
  provider: Provider,
  session: InferenceSession,
  prove: (session: InferenceSession) => Promise<void>,
): Promise<void> {
  try {
    await prove(session);
  } catch (error) {
    await session.release();
    if (!(error instanceof UserError) || provider === 'cpu') throw error;
    throw new UserError(`on provider ${provider}, ${error.message}`, 2, { cause: error });
  }
}

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
  const library = (name: string) =>
    process.platform === 'win32'
      ? `onnxruntime_providers_${name}.dll`
      : `libonnxruntime_providers_${name}.so`;
  const missing = [library('shared'), library(provider)].find(
    (file) => !existsSync(path.join(libraries, file)),
  );
  if (missing !== undefined)
    return `its library ${missing} is not installed; run 'npm rebuild onnxruntime-node --onnxruntime-node-install=cuda12'`;
  // Only the system's loader knows which library of NVIDIA's, or which driver, is lacking.
  const complaint = loaderComplaint(path.join(libraries, library(provider)));
  return complaint && `its library cannot be loaded (${complaint}); install what it names`;
}

function libraryFolder(): string {
  const entry = createRequire(import.meta.url).resolve('onnxruntime-node');
  return path.join(path.dirname(entry), '..', 'bin', 'napi-v6', process.platform, process.arch);
}

/** Why the system cannot load a shared library; null when it can. Nothing of it stays loaded. */
function loaderComplaint(file: string): string | null {
  try {
    process.dlopen({ exports: {} }, file, constants.dlopen?.RTLD_LAZY);
  } catch (error) {
    const { message } = error as Error;
    // It was loaded, and found to be no module of Node's.
    return /did not self-register|undefined symbol: Provider_/.test(message) ? null : firstLine(message);
  }
  return null;
}

interface OpenedOn {
  readonly session: InferenceSession;
  readonly note?: string;
}

async function openOn(provider: Provider, graphFile: string, settings: ProviderSettings): Promise<OpenedOn> {
  const obstacle = providerObstacle(provider);
  if (obstacle) throw new UserError(`provider ${provider} cannot be used: ${obstacle}`);
  const { order } = settings;
  try {
    if (provider === 'cpu')
      return { session: await InferenceSession.create(graphFile, options(provider, settings)) };
    return await openWhole(provider, graphFile, settings);
  } catch (error) {
    if (!isSplit(error)) throw refusal(provider, graphFile, error);
  }
  const lenient = options(provider, settings);
  const left = onCpu(await placement(graphFile, lenient));
  if (!order.includes('cpu'))
    throw new UserError(
      `provider ${provider} cannot run all of graph ${graphFile}: ${left} would run on the CPU; allow that with ${[...order, 'cpu'].join(',')}`,
    );
  return {
    session: await InferenceSession.create(graphFile, lenient),
    note: `provider ${provider} leaves ${left} to the CPU`,
  };
}

/** Not a node of it on the CPU. */
async function openWhole(
  provider: Provider,
  graphFile: string,
  settings: ProviderSettings,
): Promise<OpenedOn> {
  const { extra, ...rest } = options(provider, settings);
  const session = { ...(extra?.session as object), disable_cpu_ep_fallback: '1' };
  return { session: await InferenceSession.create(graphFile, { ...rest, extra: { session } }) };
}

/** What onnxruntime says where `disable_cpu_ep_fallback` keeps a graph from being split. */
const isSplit = (error: unknown): boolean =>
  error instanceof Error && error.message.includes('fallback to CPU EP has been explicitly disabled');

function options(
  provider: Provider,
  { deviceId, threads }: ProviderSettings,
): InferenceSession.SessionOptions {
  return {
    executionProviders: [
      provider === 'cuda' || provider === 'tensorrt' ? { name: provider, deviceId } : provider,
    ],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    // Several threads hand work to each other without sleeping in between, but only while a run lasts: between
    // runs the cores belong to rendering, physics and the loop.
    extra: {
      session: { intra_op: { allow_spinning: threads > 1 ? '1' : '0' }, force_spinning_stop: '1' },
    },
    logSeverityLevel: 4,
  };
}

function refusal(provider: Provider, graphFile: string, cause: unknown): UserError {
  const reason = reasonOf(cause as Error);
  const message =
    provider === 'cpu'
      ? `graph ${graphFile} cannot be loaded: ${reason}`
      : provider === 'webgpu' && reason.includes('adapter')
        ? `provider webgpu cannot be used: ${reason}; it needs a GPU with a driver for Vulkan, Metal or Direct3D 12`
        : `provider ${provider} cannot run graph ${graphFile}: ${reason}`;
  return new UserError(message, 2, { cause });
}

/** A clause: without the place in onnxruntime's sources that some of its messages begin with. */
function reasonOf({ message }: Error): string {
  const text = firstLine(message);
  return (text.split(/ was false\. /).at(-1) ?? text).replace(/\.$/, '');
}

const firstLine = (text: string): string => text.trim().split('\n')[0] ?? '';
