/** A system as verify and plan need it: what can be listed and read. The connectors fit this shape (see main.ts). */
import type { ReadResult, RecordImage } from '../../../schemas/record.ts';
import type { Capabilities } from '../../../schemas/system.ts';
import type { Lane, Side } from '../../../schemas/value.ts';

export interface ReadOptions {
  readonly signal: AbortSignal;
  readonly lane: Lane;
}

export interface SideReader {
  readonly capabilities: Capabilities;
  list(request: { readonly cursor: string | null; readonly fields: readonly string[] }, options: ReadOptions): Promise<{ readonly records: readonly RecordImage[]; readonly next: string | null; readonly total: number | null }>;
  read(ids: readonly string[], request: { readonly fields: readonly string[]; readonly histories: boolean }, options: ReadOptions): Promise<readonly ReadResult[]>;
}

export type SideReaders = Readonly<Record<Side, SideReader>>;
