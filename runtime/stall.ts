/**
 * Has a consumer stopped silently? Every JavaScript client has had such a bug, so progress is watched from outside.
 *
 * Rules after Burrow: only a lag that was there during the whole window counts; then a position that never moved is a
 * stall. Partitions that wait on purpose (a batch at work, a pause that the handler asked for) do not count, nor do
 * slow topics: had any end offset in the window given no lag, the reader was up to date.
 */

/** One look at a partition. */
export interface Look {
  /** Epoch ms. */
  readonly at: number;
  /** The next offset to be read. */
  readonly position: bigint;
  /** The offset that the next record will get. */
  readonly end: bigint;
  /** A batch is at work, or waits because its handler asked for it. */
  readonly busy: boolean;
}

/** Whether the looks, oldest first, show a partition that has been stalled for `windowMs`. */
export function isStalled(looks: readonly Look[], windowMs: number): boolean {
  const [first] = looks;
  const last = looks.at(-1);
  if (!first || !last || last.at - first.at < windowMs) return false;
  return looks.every((look) => !look.busy && look.end > look.position && look.position === first.position);
}

/** The looks that still matter: those within the window, and the last one before it. */
export function recentLooks(looks: readonly Look[], windowMs: number): readonly Look[] {
  const newest = looks.at(-1);
  if (!newest) return looks;
  const from = looks.findLastIndex((look) => newest.at - look.at >= windowMs);
  return from <= 0 ? looks : looks.slice(from);
}
