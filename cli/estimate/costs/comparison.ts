import {
  type Architecture,
  type Compute,
  container,
  type ContainerCompute,
  lambda,
  LAMBDA_MAX_MEMORY_MB,
  type LambdaCompute,
} from '../../../lib/config/compute.ts';
import { number } from '../../format/amounts.ts';
import { breakEven, type GpuBreakEven, gpuBreakEven } from './break-even.ts';
import { containerPlace, instanceHourDollars, wakeSecs } from './container-place.ts';
import { cpuTypeFor, gpuTypesFor, type InstanceType, type TaskSize } from './instance-types.ts';
import { lambdaPlace } from './lambda-place.ts';
import type { Burst, Place } from './place.ts';
import type { Prices } from './prices.ts';
import { steadyRequestDollars, type Workload } from './workload.ts';

export interface ComparisonOptions {
  /** Compute of the pipeline. Its options apply to its own kind of place. */
  readonly compute: Compute;
  /** Elements of the input. */
  readonly elements: number;
  /** True if the workload was measured on a GPU: then only GPUs have figures, otherwise only the other places. */
  readonly isOnGpu: boolean;
  /** True if the pipeline has a model that could run on a GPU, and not only models that are served elsewhere. */
  readonly hasOwnModel: boolean;
  /** CPU seconds of the engine alone, per element. */
  readonly engineCpuSecsPerElement: number;
  readonly prices: Prices;
}

/** A place where the pipeline could run. */
export interface ComparedPlace {
  readonly kind: 'lambda' | 'cpu' | 'gpu';
  readonly name: string;
  /** Size: `2,048 MB`, `2 vCPUs`, `T4`. */
  readonly size: string;
  /** Time and cost of the input, and cost of elements under constant load; absent if they were not measured. */
  readonly figures?: Burst & Pick<Place, 'secsPerElement' | 'steadyDollars'>;
  /** Cost of a task per hour, and from its start to its end if it finds no work. */
  readonly task?: { readonly hourDollars: number; readonly wakeDollars: number };
  /**
   * If nothing was measured: when the place would be cheaper under constant load than the cheapest of the others. Absent
   * if the pipeline mostly waits, or if the others cost nothing.
   */
  readonly pays?: GpuBreakEven;
}

/** Number of elements at once from which `to` is cheaper than `from`; null if it never is. */
export interface Crossing {
  readonly from: string;
  readonly to: string;
  readonly elements: number | null;
}

export interface Comparison {
  readonly places: readonly ComparedPlace[];
  /** Cheapest measured place for the input, and under constant load. */
  readonly cheapest: string | null;
  readonly cheapestSteady: string | null;
  readonly crossings: readonly Crossing[];
  /** Memory that the costs of Lambda assume; null if the pipeline needs more than the maximum. */
  readonly lambdaMemoryMb: number | null;
  /** Tasks that are too large for all compared instance types, by kind. */
  readonly tooLarge: Partial<Readonly<Record<'cpu' | 'gpu', TaskSize>>>;
}

interface Candidate {
  readonly place: Place;
  readonly compared: ComparedPlace;
}

const ARCHITECTURES: readonly Architecture[] = ['arm64', 'x86_64'];
/** Step to which memory is rounded up, to get round figures. */
const MEMORY_STEP_MB = 64;

/** Compares the costs of a pipeline in each kind of place, and computes from how many elements one is cheaper than another. */
export function compare(workload: Workload, options: ComparisonOptions): Comparison {
  const { isOnGpu, elements } = options;
  const lambdaCompute = lambdaFor(workload, options);
  const measured = isOnGpu
    ? gpuCandidates(workload, options)
    : [...lambdaCandidates(workload, lambdaCompute, options), ...cpuCandidates(workload, options)];
  const unmeasured = isOnGpu || !options.hasOwnModel ? [] : unmeasuredGpus(workload, measured, options);
  const first = (dollars: (place: Place) => number): string | null =>
    measured.toSorted((one, other) => dollars(one.place) - dollars(other.place))[0]?.place.name ?? null;
  return {
    places: [...measured.map(({ compared }) => compared), ...unmeasured],
    cheapest: first((place) => place.burst(elements).dollars),
    cheapestSteady: first((place) => place.steadyDollars),
    crossings: crossingsOf(measured),
    lambdaMemoryMb: lambdaCompute?.memoryMb ?? null,
    tooLarge: tooLarge(workload, options),
  };
}

function tooLarge(workload: Workload, options: ComparisonOptions): Comparison['tooLarge'] {
  const { isOnGpu, hasOwnModel } = options;
  const [onCpu, onGpu] = [taskSize(workload, containerFor(options, 0)), taskSize(workload, containerFor(options, 1))];
  return {
    ...(!isOnGpu && cpuTypeFor(onCpu) === undefined ? { cpu: onCpu } : {}),
    ...((isOnGpu || hasOwnModel) && gpuTypesFor(onGpu).length === 0 ? { gpu: onGpu } : {}),
  };
}

/** Compares the cheaper Lambda with each container. */
function crossingsOf(measured: readonly Candidate[]): readonly Crossing[] {
  const [cheaper] = measured
    .filter(({ compared }) => compared.kind === 'lambda')
    .toSorted((one, other) => one.place.steadyDollars - other.place.steadyDollars);
  if (cheaper === undefined) return [];
  return measured
    .filter(({ compared }) => compared.kind !== 'lambda')
    .map(({ place }) => ({
      from: cheaper.place.name,
      to: place.name,
      elements: breakEven(cheaper.place, place) ?? null,
    }));
}

/** Returns Lambda with the configured memory, or with more if the pipeline needs it; undefined if it needs too much. */
function lambdaFor({ peakMemoryMb }: Workload, { compute }: ComparisonOptions): LambdaCompute | undefined {
  const configured = compute.kind === 'lambda' ? compute : lambda();
  if (peakMemoryMb <= configured.memoryMb) return configured;
  const needed = Math.ceil(peakMemoryMb / MEMORY_STEP_MB) * MEMORY_STEP_MB;
  return needed > LAMBDA_MAX_MEMORY_MB ? undefined : { ...configured, memoryMb: needed };
}

function lambdaCandidates(
  workload: Workload,
  compute: LambdaCompute | undefined,
  { prices, elements }: ComparisonOptions,
): readonly Candidate[] {
  if (compute === undefined) return [];
  return ARCHITECTURES.map((architecture) => {
    const place = lambdaPlace(workload, { architecture, compute, prices });
    const size = `${number(compute.memoryMb)} MB`;
    return { place, compared: { kind: 'lambda', name: place.name, size, figures: figuresOf(place, elements) } };
  });
}

function cpuCandidates(workload: Workload, options: ComparisonOptions): readonly Candidate[] {
  const compute = containerFor(options, 0);
  const type = cpuTypeFor(taskSize(workload, compute));
  return type === undefined ? [] : [containerCandidate(workload, { ...options, type, compute })];
}

function gpuCandidates(workload: Workload, options: ComparisonOptions): readonly Candidate[] {
  const compute = containerFor(options, 1);
  return gpuTypesFor(taskSize(workload, compute)).map((type) =>
    containerCandidate(workload, { ...options, type, compute }),
  );
}

/** Returns the configured size of a task, with more memory if the pipeline needs it. */
function taskSize({ peakMemoryMb }: Workload, { cpu, memoryMb }: ContainerCompute): TaskSize {
  return { cpu, memoryMb: Math.max(memoryMb, peakMemoryMb) };
}

type ContainerOptions = Omit<ComparisonOptions, 'compute'> & {
  readonly type: InstanceType;
  readonly compute: ContainerCompute;
};

function containerCandidate(workload: Workload, options: ContainerOptions): Candidate {
  const place = containerPlace(workload, options);
  return {
    place,
    compared: { ...describe(workload, options), figures: figuresOf(place, options.elements) },
  };
}

function describe(workload: Workload, { type, compute, prices }: ContainerOptions): ComparedPlace {
  const hourDollars = instanceHourDollars({ type, compute, prices });
  return {
    kind: type.gpu === undefined ? 'cpu' : 'gpu',
    name: type.name,
    size: type.gpu ?? `${compute.cpu} vCPUs`,
    task: { hourDollars, wakeDollars: (hourDollars / 3600) * wakeSecs(workload, type) },
  };
}

/** Describes GPUs that were not measured: how fast they would have to be. */
function unmeasuredGpus(
  workload: Workload,
  measured: readonly Candidate[],
  options: ComparisonOptions,
): readonly ComparedPlace[] {
  const { engineCpuSecsPerElement, prices } = options;
  const compute = containerFor(options, 1);
  const requests = steadyRequestDollars(workload, prices);
  const dollarsPerElement = Math.min(...measured.map(({ place }) => place.steadyDollars - requests));
  const isKnown = !workload.isWaiting && measured.length > 0 && dollarsPerElement > 0;
  return gpuTypesFor(taskSize(workload, compute)).map((type) => {
    const compared = describe(workload, { ...options, type, compute });
    const gpuHourDollars = instanceHourDollars({ type, compute, prices });
    const terms = { dollarsPerElement, gpuHourDollars, vcpus: compute.cpu, engineCpuSecsPerElement };
    return isKnown ? Object.assign(compared, { pays: gpuBreakEven(workload, terms) }) : compared;
  });
}

/** Returns the configured container compute, or its defaults, for a number of GPUs. Keeps the configured size if it is for this number. */
function containerFor({ compute }: Pick<ComparisonOptions, 'compute'>, gpus: 0 | 1): ContainerCompute {
  if (compute.kind === 'lambda') return container({ gpus });
  const { kind: _, cpu, memoryMb, ...others } = compute;
  const size = compute.gpus === gpus ? { cpu, memoryMb } : {};
  return container({ ...others, ...size, gpus });
}

function figuresOf(place: Place, elements: number): NonNullable<ComparedPlace['figures']> {
  const { steadyDollars, secsPerElement } = place;
  return { secsPerElement, steadyDollars, ...place.burst(elements) };
}
