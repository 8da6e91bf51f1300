import type { InputOptions } from '../../lib/formats/format.ts';
import {
  type GroupElementsOptions,
  groupElements,
  type GroupingBounds,
  type GroupingState,
  startGrouping,
} from '../../lib/formats/grouping/group-elements.ts';
import type { GroupedPlan } from '../../lib/formats/plan.ts';
import { planObject } from '../../lib/formats/plan-object.ts';
import type { ByteSource } from '../../lib/stores/byte-source.ts';
import { type MemoryStaging, memoryStaging } from './staged-groups.ts';

export const COHORTS = [['b', 'z'], ['ü']];

export const BOUNDS: GroupingBounds = { runBytes: 250, runsMergedAtOnce: 2, readBytes: 50 };

export function keyOf(input: unknown): string | undefined {
  if (typeof input === 'string') return input.at(0);
  if (typeof input !== 'object' || input === null || !('k' in input)) return undefined;
  return typeof input.k === 'string' ? input.k : undefined;
}

export interface Grouped {
  readonly plan: GroupedPlan;
  readonly staging: MemoryStaging;
  readonly steps: number;
  /** Its progress. */
  readonly shares: readonly number[];
  /** Where it was left before its end. */
  readonly state?: GroupingState;
}

export interface GroupOptions extends Partial<Pick<GroupElementsOptions, 'cohorts' | 'bounds'>> {
  /** Number of reads and writes after which each step is stopped. @default steps run to their ends */
  readonly stops?: readonly number[];
  readonly staging?: MemoryStaging;
  /** Start of the names of steps. */
  readonly name?: string;
  readonly from?: GroupingState | undefined;
  /** Number of steps after which it is left as it is. */
  readonly maxSteps?: number;
}

export const NO_PLAN: GroupedPlan = { kind: 'grouped', byteLength: 0, starts: [] };

export async function group(source: ByteSource, input: InputOptions, options: GroupOptions = {}): Promise<Grouped> {
  const { stops = [], staging = memoryStaging(), cohorts = COHORTS, bounds = BOUNDS } = options;
  const { name = 'step', maxSteps = Infinity } = options;
  let state = options.from ?? startGrouping(await planObject(source, input));
  const shares: number[] = [];
  const { onBytes } = staging;
  for (let steps = 1; ; steps += 1) {
    const controller = new AbortController();
    let left = stops[steps - 1] ?? Infinity;
    const tick = (): void => {
      left -= 1;
      if (left < 0) controller.abort();
    };
    const counted: ByteSource = {
      byteLength: source.byteLength,
      async *read(range, reading) {
        for await (const chunk of source.read(range, reading)) {
          tick();
          yield chunk;
        }
      },
    };
    staging.onBytes = (bytes) => {
      tick();
      onBytes(bytes);
    };
    const openBundle = (): Promise<ByteSource> => Promise.resolve(counted);
    const step = await groupElements(state, {
      input,
      keyOf,
      cohorts,
      openBundle,
      staging,
      bounds,
      step: `${name}${steps}`,
      stop: controller.signal,
      onProgress: (share) => shares.push(share),
    });
    if (step.kind === 'grouped') return { plan: step.plan, staging, steps, shares };
    if (steps === maxSteps) return { plan: NO_PLAN, staging, steps, shares, state: step.state };
    // Between two steps their state is JSON.
    state = JSON.parse(JSON.stringify(step.state)) as GroupingState;
  }
}
