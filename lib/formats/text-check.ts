import { FabricError } from '../errors.ts';
import { wideEncodingOf } from './encodings.ts';
import type { ObjectDialect } from './plan.ts';
import { LINE_FEED } from './records.ts';
import { describeSignature } from './signatures.ts';

const QUOTE = 0x22;
const CARRIAGE_RETURN = 0x0d;

/**
 * Refuses an object that is not text, by its first bytes: read as lines it would give meaningless elements.
 *
 * @throws FabricError `NOT_TEXT`, which names the kind of object and what to do.
 */
export function checkIsText(head: Buffer, format: string): void {
  const encoding = wideEncodingOf(head);
  if (encoding !== undefined) throw notText(format, `it is ${encoding} text`, 'convert it to UTF-8');
  const found = describeSignature(head);
  if (found !== undefined) throw notText(format, `it is ${found.what}`, found.advice);
}

function notText(format: string, problem: string, advice: string): FabricError {
  return new FabricError('NOT_TEXT', `Cannot read the object as '${format}': ${problem}; ${advice}`);
}

/** Detects line endings by the first bytes of an object: a carriage return only, as on old Macs, or the usual ones. */
export function lineEndingsOf(
  head: Buffer,
  { hasQuotedFields = false }: { readonly hasQuotedFields?: boolean },
): ObjectDialect {
  const text = hasQuotedFields ? withoutQuoted(head) : head;
  const first = text.indexOf(CARRIAGE_RETURN);
  const hasOnlyReturns = first !== -1 && !text.includes(LINE_FEED);
  // A single one at the end may be the first half of a line ending that was cut.
  return hasOnlyReturns && first < text.length - 1 ? { carriageReturns: true } : {};
}

/** Returns the bytes outside quotes: Excel for Mac has line feeds in quoted fields, but carriage returns after rows. */
function withoutQuoted(head: Buffer): Buffer {
  const outside = Buffer.alloc(head.length);
  let length = 0;
  let isQuoted = false;
  for (const byte of head) {
    if (byte === QUOTE) isQuoted = !isQuoted;
    else if (!isQuoted) outside[length++] = byte;
  }
  return outside.subarray(0, length);
}
