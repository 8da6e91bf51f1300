/** One way in for data of users or endpoints, and the input of `n` bytes that takes it the longest. */
export interface WorstCase<Input = unknown> {
  readonly name: string;
  /** Number of bytes: the time for the double of it is compared with the time for it. */
  readonly bytes: number;
  readonly worst: (n: number) => Input;
  readonly parse: (input: Input) => unknown;
}

/** Keeps the input's type between `worst` and `parse`. */
export function worstCase<Input>(
  name: string,
  bytes: number,
  worst: (n: number) => Input,
  parse: (input: Input) => unknown,
): WorstCase {
  // Only its own `worst` makes the input of its `parse`.
  return { name, bytes, worst, parse: parse as (input: unknown) => unknown };
}

/**
 * Times below this vary with garbage collection, the compiler and what else the machine runs. No linear pass of these
 * takes so long, and a quadratic one takes seconds.
 */
const FLOOR_MILLIS = 400;
/** A linear pass takes twice the time for twice the bytes, a quadratic one four times. */
export const MAX_GROWTH = 2.5;
/** Other processes disturb times of the processor too, in one direction: the shortest of several is compared. */
const TRIES = 4;
/** No linear pass of these takes so long on any machine, so it is not tried again. */
const ENOUGH_MILLIS = 3000;

/**
 * Returns how much more time of the processor twice the input takes; 1 if the time is too short to say. A collection of
 * garbage may begin at some size, so what grows too much is also compared at the double size.
 */
export async function growthOf(worst: WorstCase): Promise<number> {
  const { growth, millis } = await growthFrom(worst, worst.bytes);
  if (growth <= MAX_GROWTH || millis > ENOUGH_MILLIS) return growth;
  return Math.min(growth, (await growthFrom(worst, 2 * worst.bytes)).growth);
}

async function growthFrom({ worst, parse }: WorstCase, bytes: number): Promise<{ growth: number; millis: number }> {
  let once = Infinity;
  let twice = Infinity;
  for (let tries = 0; tries < TRIES; tries += 1) {
    twice = Math.min(twice, await cpuMillis(parse, worst(2 * bytes)));
    if (twice < FLOOR_MILLIS) return { growth: 1, millis: twice };
    once = Math.min(once, await cpuMillis(parse, worst(bytes)));
    if (twice <= MAX_GROWTH * once || twice > ENOUGH_MILLIS) break;
  }
  return { growth: twice / once, millis: twice };
}

async function cpuMillis(parse: (input: unknown) => unknown, input: unknown): Promise<number> {
  const before = process.cpuUsage();
  try {
    await parse(input);
  } catch {
    // Many of these inputs are refused; what matters is when.
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

/** Repeats a text to about `n` characters, always whole. */
export function repeated(text: string, n: number): string {
  return text.repeat(Math.ceil(n / text.length));
}
