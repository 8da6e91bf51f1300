/** One of several items. */
export function pick<Item>(items: readonly [Item, ...Item[]], random: () => number): Item {
  return items[Math.floor(random() * items.length)] ?? items[0];
}

/** A whole number from 0 to below a bound. */
export function below(bound: number, random: () => number): number {
  return Math.floor(random() * bound);
}

/** Items in an order that chance decides. */
export function shuffled<Item>(items: readonly Item[], random: () => number): readonly Item[] {
  const keyed = items.map((item) => ({ item, order: random() }));
  return keyed.toSorted((one, other) => one.order - other.order).map(({ item }) => item);
}
