import type { RedriveSelection } from '../../elements/messages.ts';
import { FabricError } from '../../errors.ts';
import { getText, type ListedObject } from '../../stores/object-store.ts';
import type { Job } from '../job.ts';
import { redriveNoteKey } from '../output-layout.ts';
import type { OutputAccess } from '../fabric-ports.ts';
import { listParts } from '../commit/read-parts.ts';

/** Maximum tries to write the note of a bundle while others write it. */
const MAX_WRITES = 20;
const NOTHING = '[]';

/** The bundle whose redrives a note says. */
export interface NotedBundle {
  readonly job: Pick<Job, 'pipeline' | 'id' | 'of'>;
  readonly bundle: number;
}

/**
 * Notes that failures of a bundle are to run again, before the message for it is sent. The note is the list of what has
 * been asked for and not been done; an empty list is left behind, since a store can't delete on a condition.
 */
export async function noteRedrive(noted: NotedBundle, select: RedriveSelection, output: OutputAccess): Promise<void> {
  const wanted = textOf(select);
  await rewrite(noted, (open) => (open.includes(wanted) ? open : [...open, wanted]), output);
}

/** True if this redrive is still to be done: its message may be delivered again after it was. */
export async function isRedriveOpen(
  { job, bundle }: NotedBundle,
  select: RedriveSelection,
  { store, bucket, signal }: OutputAccess,
): Promise<boolean> {
  const note = await getText(store, { bucket, key: redriveNoteKey(job, bundle, job.of) }, { signal });
  return note !== undefined && parse(note.text).includes(textOf(select));
}

/** Notes that a redrive is done; without a selection, that all open ones are dropped. */
export async function endRedrive(
  noted: NotedBundle,
  select: RedriveSelection | undefined,
  output: OutputAccess,
): Promise<void> {
  const done = select && textOf(select);
  await rewrite(noted, (open) => open.filter((each) => done !== undefined && each !== done), output);
}

/** Returns whether a note has redrives that are not done. */
function isOpen({ byteLength }: ListedObject): boolean {
  return byteLength > NOTHING.length;
}

/** Returns the bundles that have redrives which are not done. */
export async function openRedrives(job: NotedBundle['job'], output: OutputAccess): Promise<readonly number[]> {
  const folder = redriveNoteKey(job, 0, job.of).replace(/\/[^/]+$/, '');
  return [...(await listParts({ folder, of: job.of, counts: isOpen }, output)).keys()];
}

async function rewrite(
  { job, bundle }: NotedBundle,
  change: (open: readonly string[]) => readonly string[],
  { store, bucket, signal }: OutputAccess,
): Promise<void> {
  const address = { bucket, key: redriveNoteKey(job, bundle, job.of) };
  for (let write = 0; write < MAX_WRITES; write += 1) {
    const before = await getText(store, address, { signal });
    const open = before === undefined ? [] : parse(before.text);
    const changed = change(open);
    if (changed.length === open.length) return;
    const only = before === undefined ? 'absent' : { ifMatch: before.info.etag };
    const body = changed.length === 0 ? NOTHING : `[${changed.join(',')}]`;
    if ((await store.put(address, body, { only, signal })) !== undefined) return;
  }
  throw new FabricError('REDRIVE_NOT_NOTED', `the redrives of bundle ${bundle} change too often to be noted`, {
    disposition: 'retry',
  });
}

function textOf({ stage, errorName }: RedriveSelection): string {
  return JSON.stringify({ stage, errorName });
}

function parse(text: string): readonly string[] {
  // Written by `rewrite` only.
  return (JSON.parse(text) as readonly RedriveSelection[]).map(textOf);
}
