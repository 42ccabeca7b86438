/**
 * The journal: what truly happened in the systems, told by the simulation and not by the product. Times are those of the
 * world, whatever the clocks of the systems say. The oracle judges by it, and stories are told from it.
 */
import type { Image } from '../schemas/value.ts';

/** `bevatel`, or the id of the integration whose external system it is. */
export type SystemName = string;

interface Happening {
  readonly at: number;
  readonly system: SystemName;
  readonly record: string;
}

/** A record came to be; `deed` is the person's, null for one that the product made. */
export interface Created extends Happening {
  readonly kind: 'created';
  readonly deed: number | null;
  readonly person: string;
  readonly typed: Image;
  readonly values: Image;
  readonly attempt: string | null;
  /** Of the write that made it; null for a person's. */
  readonly integration: string | null;
  /** The partner's id that it was made with. */
  readonly reference: string | null;
  /** When the write that made it went out; `at` for a person's. */
  readonly sentAt: number;
}
/** Somebody, or a system's own automation, changed fields: what was typed, and what the system made of it. */
export interface Edited extends Happening {
  readonly kind: 'edited';
  readonly deed: number;
  readonly actor: string;
  readonly typed: Image;
  readonly values: Image;
  /** By the clock of the system. */
  readonly clockAt: number;
}
/** A write of the product took effect: what was sent, and what the system made of it. */
export interface Written extends Happening {
  readonly kind: 'written';
  readonly attempt: string;
  readonly integration: string;
  readonly sentAt: number;
  readonly sent: Image;
  readonly values: Image;
  readonly reference: string | null;
}
/** A write of the product went out; whether it ever arrives is another question. */
export interface Sent extends Happening {
  readonly kind: 'sent';
  readonly attempt: string;
  readonly values: Image;
}
/** The product read the record by its id; `asOf` is older than `at` where the system showed an old state. */
export interface Read extends Happening {
  readonly kind: 'read';
  readonly by: 'capture' | 'deliver';
  readonly asOf: number;
}
export interface Ended extends Happening {
  readonly kind: 'deleted' | 'restored' | 'erased';
  readonly deed: number;
}
/** Nobody is told that a record ended or came back: the notification is lost. */
export interface Unheard extends Happening {
  readonly kind: 'unheard';
}
/** A removal by the product took effect. */
export interface Removed extends Happening {
  readonly kind: 'removed';
  readonly attempt: string;
  readonly integration: string;
  readonly sentAt: number;
  readonly way: 'archive' | 'delete' | 'erase';
}
export interface Merged extends Happening {
  readonly kind: 'merged';
  /** Null for a merge of the product. */
  readonly deed: number | null;
  readonly into: string;
}
/** Something that is no deed in a system: a crash, an outage. For the story alone. */
export interface Trouble extends Happening {
  readonly kind: 'trouble';
  readonly what: string;
}

export type Fact = Created | Edited | Sent | Written | Read | Ended | Unheard | Removed | Merged | Trouble;

/** A write of the product that took effect. */
export type Effect = Written | Removed | Created;

export function effectsIn(journal: readonly Fact[]): Effect[] {
  return journal.filter((fact): fact is Effect => fact.kind === 'written' || fact.kind === 'removed' || (fact.kind === 'created' && fact.deed === null));
}

/** How many writes of the product took effect. */
export function writesIn(journal: readonly Fact[]): number {
  return effectsIn(journal).length;
}
