/**
 * Positions in Postgres' write-ahead log: branded, compared as numbers, never as text.
 *
 * A *commit position* is where a transaction's commit record begins. Confirming it means: everything up to and with
 * this transaction is safe. Postgres is told the byte after (`flushPosition`): it sends again each transaction whose
 * commit begins at or after that byte. The end of the commit record must not be rounded up: the next commit may begin
 * exactly there.
 */
declare const brand: unique symbol;
export type Lsn = bigint & { readonly [brand]: 'Lsn' };

export const LSN_ZERO = 0n as Lsn;

/** Parses `16/B374D848`, with or without leading zeros. */
export function parseLsn(text: string): Lsn {
  const [high, low] = text.split('/');
  if (high === undefined || low === undefined) throw new RangeError('not a log sequence number');
  return ((BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`)) as Lsn;
}

export function formatLsn(lsn: Lsn): string {
  return `${(lsn >> 32n).toString(16)}/${(lsn & 0xffff_ffffn).toString(16)}`.toUpperCase();
}

export function maxLsn(a: Lsn, b: Lsn): Lsn {
  return a > b ? a : b;
}

/** The commit position whose confirmation tells Postgres exactly `lsn`; for positions that it named itself. */
export function before(lsn: Lsn): Lsn {
  return (lsn > 0n ? lsn - 1n : 0n) as Lsn;
}
