import { cpuSecs } from './cpu-secs.ts';

/** What a contestant took from when its models were loaded to its last part. */
export interface Span {
  readonly wallSecs: number;
  /** Of its process and those that it started. */
  readonly cpuSecs: number;
  /** Of the emulator of S3 and SQS. */
  readonly emulatorCpuSecs: number;
}

/** Begins a span now. @returns what ends it */
export function beginSpan(pid: number, emulator: number): () => Span {
  const startedAt = performance.now();
  const before = { own: cpuSecs(pid), emulator: cpuSecs(emulator) };
  return () => ({
    wallSecs: (performance.now() - startedAt) / 1000,
    cpuSecs: cpuSecs(pid) - before.own,
    emulatorCpuSecs: cpuSecs(emulator) - before.emulator,
  });
}
