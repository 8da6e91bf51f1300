import { type Config, compile, type TopLevelSpec } from 'vega-lite';
import { parse, View } from 'vega';

/** White behind it, and larger type than the default, so that it can be read on any page. */
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
  legend: { labelFontSize: 13, symbolSize: 500, symbolStrokeWidth: 2, orient: 'top', title: null, labelLimit: 400 },
  title: { fontSize: 15, anchor: 'start', fontWeight: 'bold', offset: 12 },
  view: { stroke: '#cccccc' },
};

/** A line of a plot: the colour-blind, too, tell it from others by its dashes. */
export interface Line {
  readonly name: string;
  /** One of Okabe and Ito's, which the colour-blind can tell apart. */
  readonly color: string;
  readonly dash: readonly number[];
}

/** How the lines whose names stand in a field of the data are drawn. */
export function lineEncoding(field: string, lines: readonly Line[]) {
  const sort = lines.map(({ name }) => name);
  const colors = lines.map(({ color }) => color);
  const dashes = lines.map(({ dash }) => [...dash]);
  return {
    color: {
      field,
      type: 'nominal' as const,
      sort,
      scale: { domain: sort, range: colors },
      legend: { symbolType: 'stroke' },
    },
    strokeDash: { field, type: 'nominal' as const, scale: { domain: sort, range: dashes } },
  };
}

/** A plot as SVG. The same specification gives the same text. */
export async function svgOf(spec: TopLevelSpec): Promise<string> {
  const styled = { $schema: 'https://vega.github.io/schema/vega-lite/v6.json', config: CONFIG, ...spec };
  return await new View(parse(compile(styled).spec), { renderer: 'none' }).toSVG();
}
