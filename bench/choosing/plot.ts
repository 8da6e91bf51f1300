import { type Config, compile, type TopLevelSpec } from 'vega-lite';
import { parse, View } from 'vega';
import { container, lambda } from '../../lib/config/compute.ts';
import { breakEven } from '../../lib/costs/break-even.ts';
import { containerPlace } from '../../lib/costs/container-place.ts';
import { cpuTypeFor } from '../../lib/costs/instance-types.ts';
import { lambdaPlace } from '../../lib/costs/lambda-place.ts';
import { PRICES } from '../../lib/costs/prices.ts';
import type { Workload } from '../../lib/costs/workload.ts';

const HOUR_SECS = 3600;
const LEAST_HOURS = 0.01;
const MOST_HOURS = 100;
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

const CONFIG: Config = {
  background: '#ffffff',
  padding: 16,
  font: 'Helvetica, Arial, sans-serif',
  axis: {
    labelFontSize: 12,
    titleFontSize: 13,
    titleFontWeight: 'normal',
    gridColor: '#e5e5e5',
    labelColor: '#333333',
  },
  legend: { labelFontSize: 13, symbolSize: 500, symbolStrokeWidth: 2, orient: 'top', title: null, labelLimit: 300 },
  title: { fontSize: 15, anchor: 'start', fontWeight: 'bold', offset: 12 },
  view: { stroke: '#cccccc' },
};

/** What an input costs that comes when nothing runs, by the CPU time that it takes, as SVG. */
export async function plotCosts(): Promise<string> {
  const type = cpuTypeFor(container());
  if (type === undefined) throw new Error('there is no type of instance');
  const onLambda = lambdaPlace(WORKLOAD, { architecture: 'arm64', compute: lambda(), prices: PRICES });
  const inContainers = containerPlace(WORKLOAD, { type, compute: container(), prices: PRICES });
  const places = { 'Lambda, arm64': onLambda, [`containers, ${type.name}`]: inContainers };
  const values = Object.entries(places).flatMap(([name, { burst }]) =>
    hours().map((at) => ({ hours: at, place: name, dollars: burst(elementsIn(at)).dollars })),
  );
  const crossing = ((breakEven(onLambda, inContainers) ?? Number.NaN) * WORKLOAD.cpuSecsPerElement) / HOUR_SECS;
  return await new View(parse(compile(spec(values, Object.keys(places), crossing)).spec), { renderer: 'none' }).toSVG();
}

function hours(): readonly number[] {
  const step = Math.log(MOST_HOURS / LEAST_HOURS) / (POINTS - 1);
  return Array.from({ length: POINTS }, (_, index) => Number((LEAST_HOURS * Math.exp(index * step)).toPrecision(4)));
}

function elementsIn(cpuHours: number): number {
  return (cpuHours * HOUR_SECS) / WORKLOAD.cpuSecsPerElement;
}

function spec(values: readonly object[], domain: readonly string[], crossing: number): TopLevelSpec {
  const x = {
    type: 'quantitative' as const,
    scale: { type: 'log' as const, domain: [LEAST_HOURS, MOST_HOURS] },
    axis: { tickCount: 5, format: '~g' },
    title: 'CPU time of the input (hours of one vCPU)',
  };
  return {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    config: CONFIG,
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
          color: {
            field: 'place',
            type: 'nominal',
            sort: [...domain],
            scale: { domain: [...domain], range: ['#0072b2', '#d55e00'] },
          },
          strokeDash: {
            field: 'place',
            type: 'nominal',
            sort: [...domain],
            scale: {
              domain: [...domain],
              range: [
                [1, 0],
                [6, 3],
              ],
            },
          },
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
