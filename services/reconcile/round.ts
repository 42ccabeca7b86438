/** What a round works with: work of the background that one process at a time does for an integration, page by page. */
import type { Pool } from 'pg';
import type { Wake } from '../../runtime/deps.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { Sleep } from '../../runtime/sleep.ts';
import type { IntegrationBook } from '../../store/integration-book.ts';
import type { Locks } from '../../store/locks.ts';

export interface RoundDeps {
  readonly pool: Pool;
  readonly book: Pick<IntegrationBook, 'all' | 'snapshot' | 'refresh'>;
  readonly locks: Locks;
  readonly wake: Pick<Wake, 'notify'>;
  readonly clock: () => number;
  readonly newId: () => string;
  readonly sleep: Sleep;
  readonly logger: Logger;
}
