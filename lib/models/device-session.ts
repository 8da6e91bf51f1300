import { ModelLoadError } from '../errors.ts';
import {
  type GpuProvider,
  missingInBuild,
  type MissingProvider,
  readMissingProvider,
  saysNothingOfLibrary,
} from './missing-provider.ts';

/** Where a model computes. */
export interface DeviceOptions {
  /** @default 'CPU' */
  readonly device?: 'CPU' | 'GPU';
  /**
   * Execution providers for device 'GPU', in order of preference. An operator that one can't compute goes to the next, and
   * at last to the CPU. A provider that this machine can't use is left out, with a warning. @default ['cuda']
   */
  readonly executionProviders?: readonly GpuProvider[];
  /** Rule for device 'GPU' if no provider can be used: fail, or compute on the CPU. @default 'fail' */
  readonly onMissingDevice?: 'fail' | 'cpu';
}

export const DEVICE_OPTIONS = {
  device: true,
  executionProviders: true,
  onMissingDevice: true,
} as const satisfies Record<keyof DeviceOptions, true>;

/** Device that a model asked for, and got. */
export interface DeviceUse {
  /** The session's execution providers, in order; the CPU, which takes what they leave, is named only where it is alone. */
  readonly providers: readonly string[];
  /** Providers that the model asked for and that can't be used. */
  readonly missing: readonly MissingProvider[];
}

export interface OpenOnGpuOptions<Session> {
  readonly providers: readonly GpuProvider[];
  readonly onMissingDevice: 'fail' | 'cpu';
  /** The providers that this build of onnxruntime has. */
  readonly supported: readonly string[];
  /** Opens a session that has exactly these. */
  readonly create: (providers: readonly string[]) => Promise<Session>;
  /** Why a provider's library can't be loaded. */
  readonly askLoader: (provider: GpuProvider) => string | undefined;
}

/**
 * Opens a session on the providers that are wanted, without those that can't be used here.
 *
 * onnxruntime-node throws where the library or the device of one of several is missing, and drops one that its build does
 * not have with a line on the console; neither is what a caller wants.
 *
 * @throws ModelLoadError where none is left and the CPU must not be used; what is wrong with the model as it is.
 */
export async function openOnGpu<Session>(
  options: OpenOnGpuOptions<Session>,
): Promise<{ readonly session: Session; readonly use: DeviceUse }> {
  const { supported, create } = options;
  const missing = options.providers
    .filter((provider) => !supported.includes(provider))
    .map((provider) => missingInBuild(provider, supported));
  let left = options.providers.filter((provider) => supported.includes(provider));
  while (left.length > 0) {
    try {
      return { session: await create(left), use: { providers: left, missing } };
    } catch (error) {
      const absent = missingOf(error as Error, left, options);
      if (absent === undefined) throw error;
      missing.push(absent);
      left = left.filter((provider) => provider !== absent.provider);
    }
  }
  if (options.onMissingDevice === 'fail') {
    throw new ModelLoadError(`${reasons(missing)}. With 'onMissingDevice' at 'cpu' it would run on the CPU`);
  }
  return { session: await create(['cpu']), use: { providers: ['cpu'], missing } };
}

function missingOf<Session>(
  { message }: Error,
  left: readonly GpuProvider[],
  { askLoader }: OpenOnGpuOptions<Session>,
): MissingProvider | undefined {
  const found = readMissingProvider(message, left);
  if (found === undefined || !(saysNothingOfLibrary(message) || found.provider === 'webgpu')) return found;
  const said = askLoader(found.provider);
  return (said === undefined ? undefined : readMissingProvider(said, [found.provider])) ?? found;
}

function reasons(missing: readonly MissingProvider[]): string {
  const all = missing.map(({ provider, reason, advice }) => `${provider} can't be used, as ${reason} (${advice})`);
  return all.join('; ');
}

/** Returns a warning if the model did not get all that it asked for. */
export function deviceWarning(place: string, { providers, missing }: DeviceUse): string | undefined {
  if (missing.length === 0) return undefined;
  const where = isOnCpu(providers)
    ? "runs on the CPU, though it asks for device 'GPU'"
    : `runs on ${providers.join(' and ')} alone`;
  return `the model of ${place} ${where}: ${reasons(missing)}`;
}

export function isOnCpu(providers: readonly string[]): boolean {
  return providers.every((provider) => provider === 'cpu');
}

const GPU_PROVIDERS: readonly string[] = ['tensorrt', 'cuda', 'webgpu'] satisfies GpuProvider[];

/** @throws RangeError where an option breaks its rule. */
export function checkDeviceOptions(
  { device = 'CPU', executionProviders, onMissingDevice = 'fail' }: DeviceOptions,
  sessionProviders: unknown,
  handler = 'OnnxModelHandler',
): void {
  const refuse = (rule: string): RangeError => new RangeError(`Cannot create ${handler} as ${rule}`);
  if (!['CPU', 'GPU'].includes(device)) throw refuse(`'device' must be 'CPU' or 'GPU': current value is ${device}`);
  if (!['fail', 'cpu'].includes(onMissingDevice)) {
    throw refuse(`'onMissingDevice' must be 'fail' or 'cpu': current value is ${onMissingDevice}`);
  }
  if (device === 'GPU' && sessionProviders !== undefined) {
    throw refuse("'sessionOptions.executionProviders' must be left out with device 'GPU': say 'executionProviders'");
  }
  if (executionProviders === undefined) return;
  if (device === 'CPU') throw refuse("'executionProviders' must be left out on device 'CPU'");
  const isList =
    executionProviders.length > 0 &&
    new Set(executionProviders).size === executionProviders.length &&
    executionProviders.every((provider) => GPU_PROVIDERS.includes(provider));
  if (isList) return;
  throw refuse(
    `'executionProviders' must be some of ${GPU_PROVIDERS.join(', ')}, each once: current value is [${executionProviders.join(', ')}]`,
  );
}
