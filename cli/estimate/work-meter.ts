import { availableParallelism, cpus } from 'node:os';
import { treeCpuSecs } from './process-tree.ts';

/** How much was used until a moment. */
export interface Reading {
  readonly millis: number;
  readonly elements: number;
  /** Of the engine and its model hosts. */
  readonly treeCpuSecs: number;
  /** Of the engine alone. */
  readonly engineCpuSecs: number;
  /** Of all that runs on this machine, and how long its cores had nothing to do. */
  readonly busySecs: number;
  readonly idleSecs: number;
}

/** What was used between two moments. */
export interface Measured {
  readonly elements: number;
  readonly secs: number;
  readonly cpuSecs: number;
  readonly engineCpuSecs: number;
  /** The share of this machine that other programs took meanwhile; 0 where that can't be told. */
  readonly othersShare: number;
}

export interface MeasuredFigures {
  readonly secs: number;
  readonly elementsPerSec: number;
  readonly cpuSecsPerElement: number;
  /** The part of it that is not the models'. */
  readonly engineCpuSecsPerElement: number;
  /** The share of the machine that other programs took meanwhile. */
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
  // The tree's is counted in hundredths, and on macOS what a process has used is gone with it.
  const cpuSecs = Math.max(last.treeCpuSecs - first.treeCpuSecs, engineCpuSecs);
  const busySecs = last.busySecs - first.busySecs;
  const allSecs = busySecs + last.idleSecs - first.idleSecs;
  // In a container the system tells of cores that are not its own.
  const knowsOthers = cpus().length === availableParallelism() && allSecs > 0;
  return {
    elements: last.elements - first.elements,
    secs: (last.millis - first.millis) / 1000,
    cpuSecs,
    engineCpuSecs,
    othersShare: knowsOthers ? Math.min(1, Math.max(0, (busySecs - cpuSecs) / allSecs)) : 0,
  };
}

/** How long it would have taken if nothing else had run: what others took of the machine was not there for it. */
export function undisturbedSecs({ secs, othersShare }: Pick<Measured, 'secs' | 'othersShare'>): number {
  return secs * (1 - othersShare);
}
