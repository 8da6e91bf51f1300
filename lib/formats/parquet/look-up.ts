import type { ColumnValues } from './column-values.ts';

/** Returns the values of a dictionary at some places. @throws RangeError if a place is not in it */
export function lookUp(dictionary: ColumnValues, places: Int32Array): ColumnValues {
  const { length } = dictionary;
  for (let index = 0; index < places.length; index += 1) {
    const place = places[index] as number;
    if (place < 0 || place >= length) throw new RangeError('it has a value that is not in the dictionary');
  }
  // A loop for each type of numbers: one for all types would be several times slower.
  if (dictionary instanceof Float64Array) return doublesAt(dictionary, places);
  if (dictionary instanceof Float32Array) return floatsAt(dictionary, places);
  if (dictionary instanceof Int32Array) return integersAt(dictionary, places);
  return Array.from(places, (place) => dictionary[place]);
}

function doublesAt(dictionary: Float64Array, places: Int32Array): Float64Array {
  const values = new Float64Array(places.length);
  for (let index = 0; index < places.length; index += 1) values[index] = dictionary[places[index] as number] as number;
  return values;
}

function floatsAt(dictionary: Float32Array, places: Int32Array): Float32Array {
  const values = new Float32Array(places.length);
  for (let index = 0; index < places.length; index += 1) values[index] = dictionary[places[index] as number] as number;
  return values;
}

function integersAt(dictionary: Int32Array, places: Int32Array): Int32Array {
  const values = new Int32Array(places.length);
  for (let index = 0; index < places.length; index += 1) values[index] = dictionary[places[index] as number] as number;
  return values;
}
