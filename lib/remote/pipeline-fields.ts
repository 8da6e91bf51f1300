/**
 * Returns the fields of a pipeline, such as its id, that are not fields of an API's requests. A path belongs to the field
 * that it starts with.
 */
export function pipelineFields(names: readonly string[], requestFields: ReadonlySet<string>): readonly string[] {
  return names.filter((name) => {
    const [root = name] = name.split('.');
    return !requestFields.has(root);
  });
}
