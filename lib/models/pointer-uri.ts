/** Checks whether a model's URI is of a pointer: a file or object that contains the URI of the current version. */
export function isPointer(uri: string): boolean {
  return uri.endsWith('.json');
}
