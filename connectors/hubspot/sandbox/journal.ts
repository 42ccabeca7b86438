/** What truly happens in the sandbox, told at that moment and in its order, for whoever judges a sync by it. */
import type { Endpoint, Fault } from './gate.ts';
import type { Actor, Properties } from './model.ts';

/** A write of one contact took effect, or was accepted though it changed nothing. */
export interface WroteContact {
  readonly kind: 'created' | 'changed';
  readonly id: string;
  readonly actor: Actor;
  readonly atMs: number;
  readonly traceId: string | null;
  readonly sent: Properties;
  /** What the sandbox made of it; '' where a value was cleared. */
  readonly kept: Readonly<Record<string, string>>;
}

export interface SandboxJournal {
  /** A call has come in; its effect, if there will be one, is yet to come. */
  arrived(call: { readonly endpoint: Endpoint; readonly atMs: number; readonly body: unknown }): void;
  wrote(write: WroteContact): void;
  /** An injected fault hits a call. */
  struck(endpoint: Endpoint, kind: Fault['kind']): void;
}
