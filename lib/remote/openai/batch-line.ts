import { InputMismatchError } from '../../models/element-shape.ts';
import { shownType, shownValue } from '../shown-value.ts';
import { fieldsOf } from './fields.ts';

/** Paths of the APIs, relative to the endpoint's address. */
export const PATHS = { chat: 'chat/completions', embeddings: 'embeddings' } as const;

/** A line of a batch file: https://platform.openai.com/docs/guides/batch. Other providers omit `method` and `url`. */
export interface OpenAIBatchLine {
  readonly custom_id?: string;
  /** @default 'POST' */
  readonly method?: string;
  /** @default the handler's API */
  readonly url?: string;
  /** The body of the request. */
  readonly body: Readonly<Record<string, unknown>>;
}

/** Field that identifies an element. It is never sent. */
export const CUSTOM_ID = 'custom_id';

/** Fields that show that an element is not a batch line. */
const CONTENT_FIELDS = ['messages', 'prompt', 'input'];
export const BATCH_LINE_FIELDS: ReadonlySet<string> = new Set([CUSTOM_ID, 'method', 'url', 'body']);

/**
 * Returns the request of an element: the body of a batch line, any other object without its id, a text unchanged.
 *
 * @throws InputMismatchError if a batch line is for another API, or has a field that batch lines do not have.
 */
export function askedIn(element: unknown, path: string): unknown {
  if (typeof element !== 'object' || element === null || Array.isArray(element)) return element;
  const fields = fieldsOf(element);
  if (isBatchLine(fields)) return bodyOf(fields, path);
  if (!Object.hasOwn(fields, CUSTOM_ID)) return fields;
  return Object.fromEntries(Object.entries(fields).filter(([name]) => name !== CUSTOM_ID));
}

function isBatchLine(fields: Readonly<Record<string, unknown>>): boolean {
  if (CONTENT_FIELDS.some((name) => Object.hasOwn(fields, name))) return false;
  const { custom_id: id, method, url, body } = fields;
  const hasBody = typeof body === 'object' && body !== null;
  return hasBody || id !== undefined || (method !== undefined && url !== undefined);
}

function bodyOf(line: Readonly<Record<string, unknown>>, path: string): unknown {
  const { method = 'POST', url, body } = line;
  const unknown = Object.keys(line).find((name) => !BATCH_LINE_FIELDS.has(name));
  if (unknown !== undefined) {
    throw new InputMismatchError(
      `a batch line must have no fields but 'custom_id', 'method', 'url' and 'body': got ${shownValue(unknown)}`,
    );
  }
  if (typeof method !== 'string' || method.toUpperCase() !== 'POST') {
    throw new InputMismatchError(`the 'method' of a batch line must be 'POST': got ${shownValue(method)}`);
  }
  if (url !== undefined && !isOf(url, path)) {
    throw new InputMismatchError(
      `the 'url' of a batch line must be that of the handler's API, '/v1/${path}': got ${shownValue(url)}`,
    );
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new InputMismatchError(`the 'body' of a batch line must be an object: got ${shownType(body)}`);
  }
  return body;
}

/** Accepts `/v1/chat/completions`, and other servers' prefixes before the path. */
function isOf(url: unknown, path: string): boolean {
  return typeof url === 'string' && url.startsWith('/') && url.endsWith(`/${path}`);
}
