import { percentile } from '../percentile.ts';
import type { Span } from './span.ts';

export interface Series {
  readonly name: string;
  /** One a round. */
  readonly spans: readonly Span[];
}

/** A table of contestants; each is compared with the first one in its own round, as the machine's speed changes. */
export function tableOf(series: readonly Series[], images: number): string {
  const [first] = series;
  const lines = series.map(({ name, spans }) => {
    const rates = spans.map(({ wallSecs }) => images / wallSecs);
    const cells = [
      name,
      median(rates, 0),
      median(spans.map((span) => span.cpuSecs)),
      median(spans.map((span) => span.emulatorCpuSecs)),
      spread(ratios(first?.spans, spans, 'wallSecs')),
      spread(ratios(first?.spans, spans, 'cpuSecs')),
    ];
    return `| ${cells.join(' | ')} |`;
  });
  const heads = [
    'contestant',
    'images/s',
    'own CPU s',
    "emulator's CPU s",
    `${first?.name ?? ''} / it, images/s`,
    `${first?.name ?? ''} / it, images by own CPU s`,
  ];
  return [`| ${heads.join(' | ')} |`, `|${' --- |'.repeat(heads.length)}`, ...lines].join('\n');
}

/** The first one's speed by another one's, round by round. */
function ratios(first: readonly Span[] = [], other: readonly Span[], what: 'wallSecs' | 'cpuSecs'): number[] {
  return other.map((span, round) => span[what] / (first[round]?.[what] ?? Number.NaN));
}

function median(values: readonly number[], digits = 2): string {
  return percentile(values, 0.5).toFixed(digits);
}

function spread(values: readonly number[]): string {
  return `${median(values)} (${Math.min(...values).toFixed(2)} to ${Math.max(...values).toFixed(2)})`;
}
