/**
 * Deliver: real cycles over a real book. What its worker finds by looking every 200 ms is found here by asking when the
 * next link is due, which spares the looks in between and changes nothing.
 */
import type { Side } from '../../schemas/value.ts';
import { SyncError, isSyncError } from '../../schemas/errors.ts';
import { Admission } from '../../services/deliver/admission.ts';
import { answerPublisher } from '../../services/deliver/answers.ts';
import type { Caller } from '../../services/deliver/calls.ts';
import { completedWrite } from '../../services/deliver/complete.ts';
import { runCycle } from '../../services/deliver/cycle.ts';
import type { DeliverDeps } from '../../services/deliver/deps.ts';
import { deliverMetrics } from '../../services/deliver/metrics.ts';
import { IntegrationBook } from '../../store/integration-book.ts';
import type { KnownIntegration } from '../../store/integration-book.ts';
import type { IntegrationKey } from '../../store/integrations.ts';
import type { Environment } from './environment.ts';
import { contextOf, depsOf } from './environment.ts';

/** Of the product's own settings. */
const CALL_MS = 15_000;
const LEASE_MS = 45_000;
/** Cycles at once per integration, so that a slow call does not hold back the next edit. */
const CONCURRENCY = 2;
/** The product looks every 200 ms whether somebody else made something due. */
const LOOK_MS = 200;
const LOOK_AT_LEAST_MS = 20_000;

export async function startDeliver(environment: Environment): Promise<void> {
  const deps = depsOf(environment);
  const book = new IntegrationBook(deps.pool, contextOf(environment));
  await book.refresh();
  const cycleDeps: DeliverDeps = {
    pool: deps.pool, clock: deps.clock, newId: deps.newId, random: deps.random,
    limit: 400, backfill: { atLeast: 100, orAfterMs: 500 }, callMs: CALL_MS, leaseMs: LEASE_MS, admission: new Admission(deps),
    caller: (known, side) => callerOf(environment, known, side),
    completed: (_known, side, link, op) => completedWrite(side, link, op, () => null),
    mappingOf: ({ tenantId, integrationId }) => book.snapshot().find(tenantId, integrationId)?.context.mapping,
    onWritten: answerPublisher({ publisher: deps.kafka.publisher(), codec: deps.codec.changes, topicPrefix: environment.topicPrefix, newId: deps.newId, clock: deps.clock, book, logger: deps.logger }),
    personHashes: null,
    noAnswer: () => new SyncError('write_unanswered', 'the system did not name this operation in its answer'),
    metrics: deliverMetrics(deps.metrics, { record: () => undefined }),
  };
  for (const known of book.all()) new Workers(environment, book, cycleDeps, known);
}

function callerOf({ incarnation, connector }: Environment, known: KnownIntegration, side: Side): Caller {
  return {
    connector: connector(known.integrationId, side, 'deliver'), fields: known.context.mapping.fields[side], clock: incarnation.clock,
    deadline: () => incarnation.deadline(CALL_MS), guarded: (call) => call(),
  };
}

/**
 * Several loops per integration, one cycle at a time each. A wake-up goes to one that is idle; the first also looks by
 * itself when the next link is due. What comes while all are busy is looked for once more afterwards.
 */
class Workers {
  readonly #environment: Environment;
  readonly #book: IntegrationBook;
  readonly #deps: DeliverDeps;
  readonly #key: IntegrationKey;
  readonly #idle: AbortController[] = [];
  #isRung = false;

  constructor(environment: Environment, book: IntegrationBook, deps: DeliverDeps, { tenantId, integrationId }: IntegrationKey) {
    this.#environment = environment;
    this.#book = book;
    this.#deps = deps;
    this.#key = { tenantId, integrationId };
    environment.wake.listen((tenant, integration) => {
      if (tenant === tenantId && integration === integrationId) this.#ring();
    });
    for (let index = 0; index < CONCURRENCY; index += 1) void this.#loop(index === 0);
  }

  #ring(): void {
    const idle = this.#idle.shift();
    if (idle) idle.abort();
    else this.#isRung = true;
  }

  async #loop(looks: boolean): Promise<void> {
    const { incarnation, onUnforeseen } = this.#environment;
    for (;;) {
      try {
        const known = this.#book.all().find((one) => one.tenantId === this.#key.tenantId && one.integrationId === this.#key.integrationId);
        const dueInMs = await untilDue(this.#deps, this.#key);
        if (known && dueInMs <= 0 && (await runCycle(this.#deps, known)) > 0) continue;
        if (known && !known.isMatched) await this.#book.refresh();
        await this.#rest(looks ? Math.min(LOOK_AT_LEAST_MS, Math.max(LOOK_MS, dueInMs)) : Infinity);
      } catch (error) {
        if (!isSyncError(error) && !isConnectionLost(error)) onUnforeseen('deliver', error);
        await incarnation.sleep(LOOK_MS);
      }
    }
  }

  async #rest(ms: number): Promise<void> {
    if (this.#isRung) {
      this.#isRung = false;
      return;
    }
    const bell = new AbortController();
    this.#idle.push(bell);
    await this.#environment.incarnation.sleep(ms, bell.signal);
    if (this.#idle.includes(bell)) this.#idle.splice(this.#idle.indexOf(bell), 1);
  }
}

/** Ms until a link is due that nobody has leased; infinite when none is. */
async function untilDue(deps: DeliverDeps, key: IntegrationKey): Promise<number> {
  const { rows } = await deps.pool.query<{ at: string | null }>({
    name: 'until-due',
    text: `select min(greatest(due_at + case when lane = 2 then $3::int else 0 end, coalesce(lease_until, 0))) as at from links
           where tenant_id = $1 and integration_id = $2 and due_at is not null`,
    values: [key.tenantId, key.integrationId, deps.backfill.orAfterMs],
  });
  const at = rows[0]?.at;
  return at == null ? Infinity : Number(at) - deps.clock();
}

/** Plain queries tell of a broken connection in Postgres' own words. */
export function isConnectionLost(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ECONNREFUSED' || error.code === 'ECONNRESET');
}
