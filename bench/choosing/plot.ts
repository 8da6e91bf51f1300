import type { TopLevelSpec } from 'vega-lite';
import { container, lambda } from '../../lib/config/compute.ts';
import { breakEven } from '../../cli/estimate/costs/break-even.ts';
import { containerPlace } from '../../cli/estimate/costs/container-place.ts';
import { cpuTypeFor } from '../../cli/estimate/costs/instance-types.ts';
import { lambdaPlace } from '../../cli/estimate/costs/lambda-place.ts';
import { PRICES } from '../../cli/estimate/costs/prices.ts';
import type { Workload } from '../../cli/estimate/costs/workload.ts';
import { type Line, lineEncoding, svgOf } from '../plots.ts';

const HOUR_SECS = 3600;
const MIN_HOURS = 0.01;
const MAX_HOURS = 100;
const POINTS = 81;

/** An element of a millisecond; bundles of ten seconds, so that there are enough of them for all tasks. */
const WORKLOAD: Workload = {
  cpuSecsPerElement: 0.001,
  wallSecsPerElement: 0.001,
  cores: 1,
  isWaiting: false,
  startSecs: 1,
  startCpuSecs: 1,
  peakMemoryMb: 300,
  elementsPerBundle: 10_000,
  failedShare: 0,
  readsPerElement: 0,
  writesPerElement: 0,
};

/** Plots the cost of an input that arrives while nothing runs, by its CPU time, as SVG. */
export async function plotCosts(): Promise<string> {
  const type = cpuTypeFor(container());
  if (type === undefined) throw new Error('there is no type of instance');
  const onLambda = lambdaPlace(WORKLOAD, { architecture: 'arm64', compute: lambda(), prices: PRICES });
  const inContainers = containerPlace(WORKLOAD, { type, compute: container(), prices: PRICES });
  const lines = [
    { name: 'Lambda, arm64', color: '#0072b2', dash: [1, 0], place: onLambda },
    { name: `containers, ${type.name}`, color: '#d55e00', dash: [6, 3], place: inContainers },
  ];
  const values = lines.flatMap(({ name, place }) =>
    hours().map((at) => ({ hours: at, place: name, dollars: place.burst(elementsIn(at)).dollars })),
  );
  const crossing = ((breakEven(onLambda, inContainers) ?? Number.NaN) * WORKLOAD.cpuSecsPerElement) / HOUR_SECS;
  return svgOf(spec(values, lines, crossing));
}

function hours(): readonly number[] {
  const step = Math.log(MAX_HOURS / MIN_HOURS) / (POINTS - 1);
  return Array.from({ length: POINTS }, (_, index) => Number((MIN_HOURS * Math.exp(index * step)).toPrecision(4)));
}

function elementsIn(cpuHours: number): number {
  return (cpuHours * HOUR_SECS) / WORKLOAD.cpuSecsPerElement;
}

function spec(values: readonly object[], lines: readonly Line[], crossing: number): TopLevelSpec {
  const x = {
    type: 'quantitative' as const,
    scale: { type: 'log' as const, domain: [MIN_HOURS, MAX_HOURS] },
    axis: { tickCount: 5, format: '~g' },
    title: 'CPU time of the input (hours of one vCPU)',
  };
  return {
    title: 'An input that comes when nothing runs',
    width: 640,
    height: 320,
    layer: [
      {
        data: { values: [...values] },
        mark: { type: 'line', strokeWidth: 2 },
        encoding: {
          x: { field: 'hours', ...x },
          y: {
            field: 'dollars',
            type: 'quantitative',
            scale: { type: 'log' },
            axis: { tickCount: 5, format: '$~g' },
            title: 'cost of the input (dollars)',
          },
          ...lineEncoding('place', lines),
        },
      },
      {
        data: { values: [{ hours: crossing }] },
        mark: { type: 'rule', color: '#666666', strokeDash: [2, 3] },
        encoding: { x: { field: 'hours', ...x } },
      },
      {
        data: {
          values: [{ hours: crossing, text: `containers are cheaper from ${crossing.toPrecision(2)} hours on` }],
        },
        mark: { type: 'text', align: 'right', dx: -8, fontSize: 13, color: '#333333', y: 20 },
        encoding: { x: { field: 'hours', ...x }, text: { field: 'text' } },
      },
    ],
  };
}
