import type { ObjectFormat } from './format.ts';
import { UNKNOWN_CONTENT_TYPE } from './read-element.ts';

/** Objects of any content: the input is the bytes. */
export const binary: ObjectFormat = {
  holds: 'one',
  decode: (bytes, { uri }) => Promise.resolve({ bytes, contentType: UNKNOWN_CONTENT_TYPE, uri }),
};
