import { type Counts, sum } from './counts.ts';

/** Violations that are printed in full. */
const MAX_SHOWN_VIOLATIONS = 20;

type Row = readonly [what: string, amount: number];

/** The counts of a campaign as a table of Markdown. */
export function tableOf(counts: Counts): string {
  const { runs, faults, kills, elements, violations } = counts;
  const { inputs = 0, predictions = 0, failures = 0, ...others } = elements;
  const rows: Row[] = [
    ...sections('runs', runs),
    ...sections('faults', faultGroups(faults)),
    ...sections('processes killed', kills),
    ['elements', inputs],
    ['elements with a prediction', predictions],
    ['elements with an explained failure', failures],
    ...Object.entries(others),
    ['**violations**', violations.length],
    ...Object.entries(Object.groupBy(violations, ({ kind }) => kind)).map(([kind, found]): Row => [
      `violations: ${kind}`,
      found?.length ?? 0,
    ]),
  ];
  const cells = rows.map(([what, amount]) => [what, amount.toLocaleString('en')] as const);
  const width = Math.max(...cells.map(([what]) => what.length));
  const amountWidth = Math.max(...cells.map(([, amount]) => amount.length));
  const lines = cells.map(([what, amount]) => `| ${what.padEnd(width)} | ${amount.padStart(amountWidth)} |`);
  const head = [`| ${'what'.padEnd(width)} | ${'amount'.padStart(amountWidth)} |`];
  return [...head, `| ${'-'.repeat(width)} | ${'-'.repeat(amountWidth - 1)}: |`, ...lines].join('\n');
}

/** Returns a line for each violation, with the arguments that run it again. */
export function violationLines({ violations }: Counts): readonly string[] {
  const lines = violations
    .slice(0, MAX_SHOWN_VIOLATIONS)
    .map(({ kind, again, message }) => `${again}: ${kind}: ${message}`);
  const left = violations.length - lines.length;
  return left > 0
    ? [
        ...lines,
        `and ${left} more: ${violations
          .slice(MAX_SHOWN_VIOLATIONS)
          .map(({ again }) => again)
          .join(', ')}`,
      ]
    : lines;
}

function sections(name: string, counts: Readonly<Record<string, number>>): readonly Row[] {
  if (sum(counts) === 0) return [];
  const byCount = Object.entries(counts).toSorted(([, one], [, other]) => other - one);
  return [[`**${name}**`, sum(counts)], ...byCount.map(([kind, count]): Row => [`${name}: ${kind}`, count])];
}

/** Faults by what they do: `get killed-before` and `put killed-before` are one kind. */
function faultGroups(faults: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
  const groups: Record<string, number> = {};
  for (const [name, count] of Object.entries(faults)) {
    const group = groupOf(name);
    groups[group] = (groups[group] ?? 0) + count;
  }
  return groups;
}

const GROUPS: readonly (readonly [ending: string, group: string])[] = [
  ['killed-before', 'process dies before a call'],
  ['killed-after', 'process dies after a call'],
  ['refused', 'call refused'],
  ['answer-lost', 'answer of a call lost'],
  ['deadline', 'deadline in mid-run'],
  ['delivered twice', 'message delivered twice'],
];

function groupOf(name: string): string {
  return GROUPS.find(([ending]) => name.endsWith(ending))?.[1] ?? name;
}
