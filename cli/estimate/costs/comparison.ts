import {
  type Architecture,
  type Compute,
  container,
  type ContainerCompute,
  lambda,
  LAMBDA_MAX_MEMORY_MB,
  type LambdaCompute,
} from '../../../lib/config/compute.ts';
import { breakEven, type GpuBreakEven, gpuBreakEven } from './break-even.ts';
import { containerPlace, instanceHourDollars, wakeSecs } from './container-place.ts';
import { cpuTypeFor, gpuTypesFor, type InstanceType, type TaskSize } from './instance-types.ts';
import { lambdaPlace } from './lambda-place.ts';
import type { Burst, Place } from './place.ts';
import type { Prices } from './prices.ts';
import { steadyRequestDollars, type Workload } from './workload.ts';

export interface ComparisonOptions {
  /** The pipeline's own: what it says of its kind of place is kept to. */
  readonly compute: Compute;
  /** Elements of the input. */
  readonly elements: number;
  /** Whether the workload is that of a GPU: then of the others nothing is known, and else nothing of a GPU. */
  readonly isOnGpu: boolean;
  /** Whether it has a model that could be on a GPU: none that is served elsewhere. */
  readonly hasOwnModel: boolean;
  /** CPU seconds of the engine alone, for each element. */
  readonly engineCpuSecsPerElement: number;
  readonly prices: Prices;
}

/** A place where the pipeline could run. */
export interface ComparedPlace {
  readonly kind: 'lambda' | 'cpu' | 'gpu';
  readonly name: string;
  /** What it has: `2,048 MB`, `2 vCPUs`, `T4`. */
  readonly size: string;
  /** What the input takes and costs there, and what elements cost in steady work; absent where that was not measured. */
  readonly figures?: Burst & Pick<Place, 'secsPerElement' | 'steadyDollars'>;
  /** What a task costs by the hour, and from its start to its end where there is nothing to do for it. */
  readonly task?: { readonly hourDollars: number; readonly wakeDollars: number };
  /**
   * Where nothing was measured: when it would be cheaper in steady work than the cheapest of the others. Absent where the
   * pipeline mostly waits, and where the others cost nothing.
   */
  readonly pays?: GpuBreakEven;
}

/** From how many elements at once `to` is cheaper than `from`; null where it never is. */
export interface Crossing {
  readonly from: string;
  readonly to: string;
  readonly elements: number | null;
}

export interface Comparison {
  readonly places: readonly ComparedPlace[];
  /** The cheapest measured place for the input, and the cheapest in steady work. */
  readonly cheapest: string | null;
  readonly cheapestSteady: string | null;
  readonly crossings: readonly Crossing[];
  /** The memory that Lambda is reckoned with; null where the pipeline needs more than there is. */
  readonly lambdaMemoryMb: number | null;
  /** Tasks that are larger than all instances that are reckoned with, by what they run on. */
  readonly tooLarge: Partial<Readonly<Record<'cpu' | 'gpu', TaskSize>>>;
}

interface Candidate {
  readonly place: Place;
  readonly compared: ComparedPlace;
}

const ARCHITECTURES: readonly Architecture[] = ['arm64', 'x86_64'];
/** Memory is given in such steps, for no other reason than that figures stay round. */
const MEMORY_STEP_MB = 64;

/** What a pipeline costs in each kind of place, and from how many elements on one is cheaper than another. */
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

/** The cheaper Lambda against each container. */
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

/** With the memory that the pipeline asks for, or with as much as it needs. */
function lambdaFor({ peakMemoryMb }: Workload, { compute }: ComparisonOptions): LambdaCompute | undefined {
  const asked = compute.kind === 'lambda' ? compute : lambda();
  if (peakMemoryMb <= asked.memoryMb) return asked;
  const needed = Math.ceil(peakMemoryMb / MEMORY_STEP_MB) * MEMORY_STEP_MB;
  return needed > LAMBDA_MAX_MEMORY_MB ? undefined : { ...asked, memoryMb: needed };
}

function lambdaCandidates(
  workload: Workload,
  compute: LambdaCompute | undefined,
  { prices, elements }: ComparisonOptions,
): readonly Candidate[] {
  if (compute === undefined) return [];
  return ARCHITECTURES.map((architecture) => {
    const place = lambdaPlace(workload, { architecture, compute, prices });
    const size = `${compute.memoryMb.toLocaleString('en')} MB`;
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

/** What the pipeline asks for, or as much memory as it takes. */
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

/** Nothing is said of how fast they are, only how fast they have to be. */
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

/** What the pipeline says of containers, if it says anything, for tasks with so many GPUs; their size, if it is that of such. */
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
