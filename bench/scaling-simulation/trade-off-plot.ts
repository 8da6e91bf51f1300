import { type TopLevelSpec, compile } from 'vega-lite';
import { parse, View } from 'vega';
import { PLOT_CONFIG } from '../quota-simulation/plot.ts';
import type { Evaluation, Swept } from './evaluation.ts';
import type { Trace } from './traces.ts';

const WIDTH = 760;
const HEIGHT = 380;
/** Okabe and Ito's, which the colour-blind can tell apart; each line has dashes of its own beside it. */
const COLORS = ['#e69f00', '#0072b2', '#d55e00'];
const DASHES = [
  [1, 0],
  [6, 3],
  [2, 2],
];

/** What a setting's values cost and save in some traces, by what these are called: a point for each value, with its name, as SVG. */
export async function tradeOffPlot(
  setting: Swept,
  evaluations: readonly Evaluation[],
  traces: ReadonlyMap<Trace, string>,
): Promise<string> {
  const domain = [...traces.values()];
  const values = Array.from(traces).flatMap(([trace, name]) =>
    evaluations.flatMap(({ settings, byTrace }) => {
      const figures = byTrace.get(trace);
      if (figures === undefined) return [];
      return {
        trace: name,
        value: settings[setting],
        paid: 1 / figures.utilisation,
        late: figures.late.p95 / 60,
      };
    }),
  );
  const spec: TopLevelSpec = {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    config: { ...PLOT_CONFIG, legend: { ...PLOT_CONFIG.legend, labelLimit: 400, symbolType: 'stroke' } },
    title: `What ${setting} costs and saves in office hours`,
    width: WIDTH,
    height: HEIGHT,
    data: { values },
    encoding: {
      x: {
        field: 'paid',
        type: 'quantitative',
        title: 'hours paid for an hour of work',
        scale: { zero: false, nice: true },
      },
      y: {
        field: 'late',
        type: 'quantitative',
        title: 'minutes later than at best, 95 %',
        scale: { type: 'log', domain: [5, 500] },
        axis: { values: [5, 10, 20, 50, 100, 200, 500], titlePadding: 12 },
      },
      color: { field: 'trace', type: 'nominal', sort: domain, scale: { domain, range: COLORS } },
    },
    layer: [
      {
        mark: { type: 'line', point: true, strokeWidth: 1.8 },
        encoding: {
          order: { field: 'value', type: 'quantitative' },
          strokeDash: { field: 'trace', type: 'nominal', scale: { domain, range: DASHES } },
        },
      },
      {
        mark: { type: 'text', dx: 6, dy: -10, align: 'left', fontSize: 12 },
        encoding: { text: { field: 'value', type: 'quantitative' } },
      },
    ],
  };
  return await new View(parse(compile(spec).spec), { renderer: 'none' }).toSVG();
}
