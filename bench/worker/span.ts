import { cpuSecs } from './cpu-secs.ts';

/** Time of a contestant, from the end of loading its models to its last part. */
export interface Span {
  readonly wallSecs: number;
  /** CPU time of its process and of those that it started. */
  readonly cpuSecs: number;
  /** CPU time of the emulator of S3 and SQS. */
  readonly emulatorCpuSecs: number;
}

/** Begins a span now. @returns a function that ends it */
export function beginSpan(pid: number, emulator: number): () => Span {
  const startedAt = performance.now();
  const before = { own: cpuSecs(pid), emulator: cpuSecs(emulator) };
  return () => ({
    wallSecs: (performance.now() - startedAt) / 1000,
    cpuSecs: cpuSecs(pid) - before.own,
    emulatorCpuSecs: cpuSecs(emulator) - before.emulator,
  });
}
