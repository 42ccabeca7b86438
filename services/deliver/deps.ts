/** What a delivery cycle works with. */
import type { Pool } from 'pg';
import type { Mapping } from '../../domain/lenses/mapping.ts';
import type { Link } from '../../domain/link.ts';
import type { PersonHashes } from '../../runtime/person-hash.ts';
import type { SyncError } from '../../schemas/errors.ts';
import type { WriteOp } from '../../schemas/record.ts';
import type { Side } from '../../schemas/value.ts';
import type { KnownIntegration } from '../../store/integration-book.ts';
import type { IntegrationKey } from '../../store/integrations.ts';
import type { LeaseRequest } from '../../store/leases.ts';
import type { Admission } from './admission.ts';
import type { Caller } from './calls.ts';
import type { DeliverMetrics } from './metrics.ts';

export interface DeliverDeps {
  readonly pool: Pool;
  readonly clock: () => number;
  readonly newId: () => string;
  readonly random: () => number;
  /** Links leased at once. */
  readonly limit: number;
  readonly backfill: LeaseRequest['backfill'];
  /** Deadline of one call (ms), waiting for the rate limiter included; shorter than the lease by a wide margin. */
  readonly callMs: number;
  readonly leaseMs: number;
  readonly admission: Admission;
  readonly caller: (known: KnownIntegration, side: Side) => Caller;
  /** The operation with what the link's identity adds (the record's URL beside a new reference). */
  readonly completed: (known: KnownIntegration, side: Side, link: Link, op: WriteOp) => WriteOp;
  /** Of an integration that shares the tenant's Bevatel; nothing of one that is not known yet. */
  readonly mappingOf: (integration: IntegrationKey) => Mapping | undefined;
  /** After the commit: Bevatel's answers go to the tenant's other integrations at once (hub and spoke). */
  readonly onWritten: (known: KnownIntegration, side: Side, links: readonly Link[]) => void;
  /** Null where no key is set: then an erasure that a system tells of stores no hashes. */
  readonly personHashes: PersonHashes | null;
  readonly noAnswer: () => SyncError;
  readonly metrics: DeliverMetrics;
}
