/**
 * What a process and the supervisor of its stack say to each other over Node's IPC channel.
 * The channel is also the life line: when it breaks, an owned stack stops (its owner is gone).
 */
import type { PartName } from './part.ts';
import type { StackUrls } from './stack.ts';

/** `owned`: lives as long as the process that started it. `background`: lives until `stack down`. */
export type StackMode = 'owned' | 'background';

export type SupervisorOptions = {
  readonly mode: StackMode;
  readonly dataDir: string;
  readonly artifactsDir: string;
  /** The data are thrown away at the end, so the parts are ended the quick way. */
  readonly ephemeral: boolean;
};

export type Order =
  | { readonly type: 'stop' }
  | { readonly type: 'stop-part'; readonly id: number; readonly part: PartName; readonly signal?: NodeJS.Signals }
  | { readonly type: 'start-part'; readonly id: number; readonly part: PartName };

export type Timings = {
  /** True when nothing had to be downloaded or initialised. */
  readonly warm: boolean;
  readonly totalMs: number;
  readonly partsMs: Readonly<Partial<Record<PartName, number>>>;
};

export type Report =
  | { readonly type: 'progress'; readonly line: string }
  | { readonly type: 'ready'; readonly urls: StackUrls; readonly timings: Timings }
  | { readonly type: 'failed'; readonly message: string }
  | { readonly type: 'done'; readonly id: number }
  | { readonly type: 'refused'; readonly id: number; readonly message: string };
