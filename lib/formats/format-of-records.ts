import type { ElementsFormat } from './format.ts';
import { planRecords } from './plan-records.ts';
import type { RecordFormat } from './record-format.ts';

/** Makes a format of records. */
export function formatOfRecords(records: RecordFormat): ElementsFormat {
  return {
    holds: 'many',
    positions: records.positions,
    plansUnread: (input) => records.splitsAtLines(input),
    plan: (request) => planRecords(records, request),
    read: records.read,
    ...(records.readPacked === undefined ? {} : { readPacked: records.readPacked }),
    packing: (header, input) => records.packing(header, input),
  };
}
