import { lineEncoding, svgOf } from '../plots.ts';
import type { Evaluation, Swept } from './evaluation.ts';
import type { Trace } from './traces.ts';

const WIDTH = 760;
const HEIGHT = 380;
/** One for each trace. */
const STYLES = [
  { color: '#e69f00', dash: [1, 0] },
  { color: '#0072b2', dash: [6, 3] },
  { color: '#d55e00', dash: [2, 2] },
];

/** Plots costs and savings of a setting's values in some traces, by the names of the traces: a named point per value, as SVG. */
export async function tradeOffPlot(
  setting: Swept,
  evaluations: readonly Evaluation[],
  traces: ReadonlyMap<Trace, string>,
): Promise<string> {
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
  const lines = Array.from(traces.values(), (name, index) => ({
    name,
    color: '#000000',
    dash: [1, 0],
    ...STYLES[index],
  }));
  const { color, strokeDash } = lineEncoding('trace', lines);
  return svgOf({
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
      color,
    },
    layer: [
      {
        mark: { type: 'line', point: true, strokeWidth: 1.8 },
        encoding: {
          order: { field: 'value', type: 'quantitative' },
          strokeDash,
        },
      },
      {
        mark: { type: 'text', dx: 6, dy: -10, align: 'left', fontSize: 12 },
        encoding: { text: { field: 'value', type: 'quantitative' } },
      },
    ],
  });
}
