import type { FieldNames, FieldUse } from './field-use.ts';
import type { NumberRequest } from './number-request.ts';

/** A field of a JSON object that is used, or that has used fields below it. */
export interface JsonField {
  /** Its name in UTF-8. */
  readonly name: Buffer;
  readonly use: FieldUse | undefined;
  readonly below: JsonFields | undefined;
  /** Serial number of the last element that had it: a name that comes twice is left to the general reader. */
  seenIn: number;
}

export interface JsonFields {
  readonly fields: readonly JsonField[];
  /** Place of the field that is expected next: most elements have the same fields in the same order. */
  next: number;
}

interface Node {
  use: FieldUse | undefined;
  readonly below: Map<string, Node>;
}

/**
 * Makes the tree of the fields that a request names, with those of ids and keys. Returns undefined if a field has two
 * uses, or is used and has a used field below it, or if its name has escapes in JSON.
 */
export function jsonFields({ inputs }: NumberRequest, { id, key }: FieldNames): JsonFields | undefined {
  const root: Node = { use: undefined, below: new Map() };
  const uses: [string, FieldUse][] = [];
  inputs.forEach(({ fields }, input) => {
    if (typeof fields === 'string') uses.push([fields, { kind: 'numbers', input }]);
    else fields.forEach((field, column) => uses.push([field, { kind: 'number', input, column }]));
  });
  if (id !== undefined) uses.push([id, { kind: 'id' }]);
  if (key !== undefined) uses.push([key, { kind: 'key' }]);
  if (!uses.every(([field, use]) => isPlain(field) && addField(root, field, use))) return undefined;
  return compiled(root);
}

/** Checks whether a name is the same in JSON: the scanner compares bytes. */
function isPlain(name: string): boolean {
  return JSON.stringify(name) === `"${name}"`;
}

function addField(root: Node, field: string, use: FieldUse): boolean {
  const path = field.split('.');
  // A field of exactly this name comes before one below another.
  if (path.length > 1 && !setUse(root, [field], { kind: 'leave' })) return false;
  return setUse(root, path, use);
}

function setUse(root: Node, path: readonly string[], use: FieldUse): boolean {
  let node = root;
  for (const name of path) {
    if (node.use !== undefined) return false;
    const next: Node = node.below.get(name) ?? { use: undefined, below: new Map() };
    node.below.set(name, next);
    node = next;
  }
  if (node.use?.kind === 'leave' && use.kind === 'leave') return true;
  if (node.use !== undefined || node.below.size > 0) return false;
  node.use = use;
  return true;
}

function compiled({ below }: Node): JsonFields {
  const fields = [...below].map(([name, node]) => ({
    name: Buffer.from(name),
    use: node.use,
    below: node.below.size === 0 ? undefined : compiled(node),
    seenIn: -1,
  }));
  return { fields, next: 0 };
}
