/**
 * What each system promises: the connectors declare it here, so that the reconciler, which never calls a system, can
 * order images and judge attempts by it. Sources: the fact sheets (HubSpot §2, §3; Bevatel: docs/bevatel-contract.md).
 */
import type { Capabilities } from './system.ts';

export const CAPABILITIES = {
  bevatel: {
    revisions: 'strict',
    conditionalWrites: true,
    history: false,
    stalenessWindowMs: 0,
    indexLagMs: 0,
    batch: { list: 200, read: 100, create: 100, update: 100 },
    removals: { ways: ['delete', 'erase'], batch: 100 },
    merges: true,
    push: true,
    uniqueReference: true,
  },
  hubspot: {
    // lastmodifieddate in milliseconds: bulk edits share one
    revisions: 'approximate',
    conditionalWrites: false,
    history: true,
    stalenessWindowMs: 0,
    // "a few moments", without a bound; others look back five minutes
    indexLagMs: 300_000,
    batch: { list: 100, read: 100, create: 100, update: 100 },
    // restorable there for 90 days, by a person only
    removals: { ways: ['archive', 'erase'], batch: 100 },
    merges: true,
    push: true,
    uniqueReference: true,
  },
} as const satisfies Record<string, Capabilities>;

export type SystemName = keyof typeof CAPABILITIES;
