import { type Line, lineEncoding, svgOf } from '../plots.ts';
import type { Sample } from './simulate.ts';

const WIDTH = 760;
/** Ratio of the plot's height to its highest line. */
const ROOM_ABOVE = 1.08;

const BUNDLES = [
  { name: 'waiting', color: '#d55e00', dash: [1, 0], valueOf: ({ visible }: Sample) => visible },
  { name: 'at a task', color: '#0072b2', dash: [6, 3], valueOf: ({ taken }: Sample) => taken },
];
const TASKS = [
  {
    name: 'instances that are paid for',
    color: '#e69f00',
    dash: [1, 0],
    valueOf: ({ instances }: Sample) => instances,
  },
  { name: 'tasks wanted', color: '#000000', dash: [6, 4], valueOf: ({ desired }: Sample) => desired },
  { name: 'tasks that take bundles', color: '#009e73', dash: [1, 0], valueOf: ({ serving }: Sample) => serving },
];

interface SampleLine extends Line {
  readonly valueOf: (sample: Sample) => number;
}

/** Minutes of the simulation. */
interface Span {
  readonly from: number;
  readonly to: number;
}

/** Bundles above and tasks below, over time, as SVG. The same samples give the same text. */
export async function plot(title: string, samples: readonly Sample[], span: Span): Promise<string> {
  const shown = samples.filter(({ minute }) => minute >= span.from && minute <= span.to);
  return svgOf({
    title,
    vconcat: [
      panel(BUNDLES, shown, { title: 'bundles', height: 200, span }),
      panel(TASKS, shown, { title: 'tasks and instances', height: 160, span }),
    ],
    spacing: 24,
    resolve: { scale: { color: 'independent', strokeDash: 'independent' } },
  });
}

interface PanelOptions {
  readonly title: string;
  readonly height: number;
  readonly span: Span;
}

function panel(lines: readonly SampleLine[], samples: readonly Sample[], { title, height, span }: PanelOptions) {
  const values = lines.flatMap(({ name, valueOf }) =>
    samples.map((sample) => ({ line: name, minute: sample.minute - span.from, value: valueOf(sample) })),
  );
  const highest = Math.max(...values.map(({ value }) => value));
  return {
    width: WIDTH,
    height,
    data: { values },
    mark: { type: 'line' as const, interpolate: 'step-after' as const, strokeWidth: 1.8 },
    encoding: {
      x: {
        field: 'minute',
        type: 'quantitative' as const,
        title: 'time (minutes)',
        axis: { labelFlush: false, tickCount: 10 },
        scale: { nice: false, domain: [0, span.to - span.from] },
      },
      y: {
        field: 'value',
        type: 'quantitative' as const,
        title,
        axis: { tickCount: Math.min(highest, height / 40), titlePadding: 12, format: 'd' },
        scale: { domainMin: 0, domainMax: highest * ROOM_ABOVE, nice: false },
      },
      ...lineEncoding('line', lines),
    },
  };
}
