import type { FileMetaData, SchemaElement, SchemaTree } from 'hyparquet';
import { parquetSchema } from 'hyparquet';
import { MAX_NESTING } from '../../elements/nesting.ts';
import { type ConvertValues, conversionOf } from './column-values.ts';
import { invalidParquet } from './invalid-parquet.ts';

/** A column that has values: a column of the table, or a part of a nested one. */
export interface Leaf {
  /** Names from the table's column to the leaf, joined by dots. */
  readonly path: string;
  /** Place among all leaves, which is that of its chunk in a row group. */
  readonly index: number;
  /** The schema from its root to the leaf. */
  readonly schemaPath: SchemaTree[];
  readonly element: SchemaElement;
  readonly convert: ConvertValues | undefined;
  /** True if it is a column of the table with at most one value in each row. */
  readonly isFlat: boolean;
  /** True if a row can have several values, in a list or a map. */
  readonly isRepeated: boolean;
}

/** A column of the table. */
export interface TableColumn {
  readonly name: string;
  readonly tree: SchemaTree;
  readonly leaves: readonly Leaf[];
}

/** @throws FabricError `INVALID_PARQUET` if the schema can't be that of a table. */
export function tableColumns(metadata: FileMetaData): readonly TableColumn[] {
  const root = parquetSchema({ ...metadata, schema: metadata.schema.map(withOldAnnotation) });
  let index = 0;
  const columns = root.children.map((tree): TableColumn => {
    const leaves: Leaf[] = [];
    const collect = (path: SchemaTree[]): void => {
      if (path.length > MAX_NESTING)
        throw invalidParquet(`column '${tree.element.name}' nests deeper than ${MAX_NESTING} levels, the maximum`);
      const node = path.at(-1) ?? root;
      if (node.element.type !== undefined) leaves.push(leafOf(path, node, index++));
      else for (const child of node.children) collect([...path, child]);
    };
    collect([root, tree]);
    if (leaves.length === 0) throw invalidParquet(`column '${tree.element.name}' has no type`);
    return { name: tree.element.name, tree, leaves };
  });
  const names = new Set(columns.map(({ name }) => name));
  if (names.size < columns.length) throw invalidParquet('two of its columns have the same name');
  return columns;
}

/** Lists and maps are recognized by the old annotation, which a few writers leave out. */
function withOldAnnotation(element: SchemaElement): SchemaElement {
  const { converted_type, logical_type } = element;
  if (converted_type === 'MAP_KEY_VALUE') return { ...element, converted_type: 'MAP' };
  if (converted_type !== undefined) return element;
  if (logical_type?.type === 'LIST') return { ...element, converted_type: 'LIST' };
  return logical_type?.type === 'MAP' ? { ...element, converted_type: 'MAP' } : element;
}

function leafOf(schemaPath: SchemaTree[], { element, path }: SchemaTree, index: number): Leaf {
  const isRepeated = schemaPath.some(({ element: { repetition_type } }) => repetition_type === 'REPEATED');
  const isFlat = schemaPath.length === 2 && !isRepeated;
  return { path: path.join('.'), index, schemaPath, element, convert: conversionOf(element), isFlat, isRepeated };
}
