import { type Line, lineEncoding, svgOf } from '../plots.ts';
import type { Sample } from './simulate.ts';

const MINUTE_SECS = 60;
/** Seconds of which a point is the mean. */
const POINT_SECS = 30;
const WIDTH = 760;
/** Ratio of the plot's height to its highest line. */
const ROOM_ABOVE = 1.08;

const RATES = [
  { name: 'quota', color: '#000000', dash: [6, 4] },
  { name: 'offered', color: '#e69f00', dash: [1, 0] },
  { name: 'accepted', color: '#0072b2', dash: [1, 0] },
  { name: 'throttled', color: '#d55e00', dash: [3, 2] },
] as const;
const ENGINES = [
  { name: 'allowed', color: '#000000', dash: [6, 4] },
  { name: 'working', color: '#009e73', dash: [1, 0] },
] as const;

interface Point {
  readonly minute: number;
  readonly line: string;
  readonly value: number;
}

/** Rates above and engines below, over time, as SVG. The same samples give the same text. */
export async function plot(title: string, samples: readonly Sample[]): Promise<string> {
  const points = pointsOf(samples);
  return svgOf({
    title,
    vconcat: [
      panel(RATES, points, { title: 'requests per second', height: 260 }),
      panel(ENGINES, points, { title: 'engines', height: 130 }),
    ],
    spacing: 24,
    resolve: { scale: { color: 'independent', strokeDash: 'independent' } },
  });
}

function panel(lines: readonly Line[], points: readonly Point[], { title, height }: { title: string; height: number }) {
  const own = points.filter(({ line }) => lines.some(({ name }) => name === line));
  const highest = Math.max(...own.map(({ value }) => value));
  return {
    width: WIDTH,
    height,
    data: { values: own },
    mark: { type: 'line' as const, interpolate: 'step-after' as const, strokeWidth: 1.8 },
    encoding: {
      x: {
        field: 'minute',
        type: 'quantitative' as const,
        title: 'time (minutes)',
        axis: { values: everyTenth(points), labelFlush: false },
        scale: { nice: false, domainMax: endOf(points) },
      },
      y: {
        field: 'value',
        type: 'quantitative' as const,
        title,
        axis: { tickCount: height / 50, titlePadding: 12 },
        scale: { domainMin: 0, domainMax: highest * ROOM_ABOVE, nice: false },
      },
      ...lineEncoding('line', lines),
    },
  };
}

function endOf(points: readonly Point[]): number {
  return Math.max(...points.map(({ minute }) => minute)) + POINT_SECS / MINUTE_SECS;
}

function everyTenth(points: readonly Point[]): number[] {
  return Array.from({ length: Math.floor(endOf(points) / 10) + 1 }, (_, index) => index * 10);
}

function pointsOf(samples: readonly Sample[]): readonly Point[] {
  const points: Point[] = [];
  for (let from = 0; from < samples.length; from += POINT_SECS) {
    const some = samples.slice(from, from + POINT_SECS);
    const mean = (value: (sample: Sample) => number): number =>
      some.reduce((sum, sample) => sum + value(sample), 0) / some.length;
    const values = {
      quota: mean(({ quota }) => quota),
      offered: mean(({ accepted, throttled }) => accepted + throttled),
      accepted: mean(({ accepted }) => accepted),
      throttled: mean(({ throttled }) => throttled),
      allowed: mean(({ concurrency }) => concurrency),
      working: mean(({ engines }) => engines),
    };
    for (const [line, value] of Object.entries(values)) {
      points.push({ minute: from / MINUTE_SECS, line, value: Math.round(value * 100) / 100 });
    }
  }
  return points;
}
