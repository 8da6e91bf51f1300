import { availableParallelism, cpus } from 'node:os';
import { treeCpuSecs } from './process-tree.ts';

/** Resources that were used until a moment. */
export interface Reading {
  readonly millis: number;
  readonly elements: number;
  /** CPU seconds of the engine and its model hosts. */
  readonly treeCpuSecs: number;
  /** CPU seconds of the engine alone. */
  readonly engineCpuSecs: number;
  /** Busy and idle seconds of all cores of this machine. */
  readonly busySecs: number;
  readonly idleSecs: number;
}

/** Resources that were used between two moments. */
export interface Measured {
  readonly elements: number;
  readonly secs: number;
  readonly cpuSecs: number;
  readonly engineCpuSecs: number;
  /** Share of this machine that other processes used; 0 if it is unknown. */
  readonly othersShare: number;
}

export interface MeasuredFigures {
  readonly secs: number;
  readonly elementsPerSec: number;
  readonly cpuSecsPerElement: number;
  /** CPU seconds without those of the models. */
  readonly engineCpuSecsPerElement: number;
  /** Share of the machine that other processes used. */
  readonly othersShare: number;
}

export function readMeters(elements: number): Reading {
  const { user, system } = process.cpuUsage();
  const times = cpus().map(({ times }) => times);
  return {
    millis: performance.now(),
    elements,
    treeCpuSecs: treeCpuSecs(),
    engineCpuSecs: (user + system) / 1e6,
    busySecs: times.reduce((sum, { user, nice, sys, irq }) => sum + user + nice + sys + irq, 0) / 1000,
    idleSecs: times.reduce((sum, { idle }) => sum + idle, 0) / 1000,
  };
}

export function between(first: Reading, last: Reading): Measured {
  const engineCpuSecs = last.engineCpuSecs - first.engineCpuSecs;
  // The time of the tree is counted in hundredths, and macOS drops the time of ended processes.
  const cpuSecs = Math.max(last.treeCpuSecs - first.treeCpuSecs, engineCpuSecs);
  const busySecs = last.busySecs - first.busySecs;
  const allSecs = busySecs + last.idleSecs - first.idleSecs;
  // In a container, the system also reports cores that the container can't use.
  const knowsOthers = cpus().length === availableParallelism() && allSecs > 0;
  return {
    elements: last.elements - first.elements,
    secs: (last.millis - first.millis) / 1000,
    cpuSecs,
    engineCpuSecs,
    othersShare: knowsOthers ? Math.min(1, Math.max(0, (busySecs - cpuSecs) / allSecs)) : 0,
  };
}

/** Returns the time that the work would have taken without other processes. */
export function undisturbedSecs({ secs, othersShare }: Pick<Measured, 'secs' | 'othersShare'>): number {
  return secs * (1 - othersShare);
}
