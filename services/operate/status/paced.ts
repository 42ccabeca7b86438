/**
 * Asks a question whose answer is costly no more often than it can be afforded: an answer is given again for a second,
 * or for ten times as long as it took to find. Calls at the same time share one.
 */
const LEAST_MS = 1_000;
const FACTOR = 10;

export function paced<T>(read: () => Promise<T>, clock: () => number): () => Promise<T> {
  let last: { readonly value: T; readonly until: number } | undefined;
  let reading: Promise<T> | undefined;
  async function fresh(): Promise<T> {
    const from = clock();
    const value = await read();
    const to = clock();
    last = { value, until: to + Math.max(LEAST_MS, (to - from) * FACTOR) };
    return value;
  }
  return () => {
    if (last && clock() < last.until) return Promise.resolve(last.value);
    reading ??= fresh().finally(() => { reading = undefined; });
    return reading;
  };
}
