/** A world made from a schedule: systems with their people, the service's processes, Kafka, and what goes wrong between them. */
import { GatedPool } from '../engine/database.ts';
import type { Database } from '../engine/database.ts';
import { Incarnation } from '../engine/incarnation.ts';
import { kafkaClient } from '../engine/kafka-client.ts';
import { KafkaCluster } from '../engine/kafka-cluster.ts';
import { LockTable } from '../engine/locks.ts';
import { randomOf } from '../engine/random.ts';
import type { RealIo } from '../engine/real-io.ts';
import { Scheduler } from '../engine/scheduler.ts';
import type { Fact, SystemName } from '../journal.ts';
import { REFERENCE_FIELD } from '../schedule/groups.ts';
import type { Schedule } from '../schedule/schedule.ts';
import { CODECS } from '../engine/codecs.ts';
import { startCapture } from '../service/capture.ts';
import { startDeliver } from '../service/deliver.ts';
import type { Environment } from '../service/environment.ts';
import { startReconcile } from '../service/reconcile.ts';
import { connectorOf } from '../systems/connector.ts';
import { contactCdc, Slot } from '../systems/contact-cdc.ts';
import { BEVATEL_DIALS } from '../systems/dials.ts';
import { networkOf } from '../systems/network.ts';
import { SimulatedSystem } from '../systems/system.ts';
import { sendWebhooks } from '../systems/webhooks.ts';
import { isSyncError } from '../../schemas/errors.ts';
import type { Integration } from '../../schemas/integration.ts';
import type { ContactHint } from '../../schemas/change.ts';
import type { Side } from '../../schemas/value.ts';
import { HINTS_TOPIC, hintKey, topicName } from '../../schemas/topics.ts';
import { Bells } from './bells.ts';
import { FaultBook } from './fault-book.ts';
import { integrationsOf, tenantOf } from './integrations.ts';
import { PeopleAtWork } from './people-at-work.ts';
import { Processes } from './processes.ts';
import { isConnectionLost } from '../service/deliver.ts';

/** 2027-01-15; any instant would do. */
export const START_AT = 1_800_000_000_000;
const PARTITIONS = 2;
const LOG_AWAY_MS = 2_000;

export class World {
  readonly schedule: Schedule;
  readonly tenant: string;
  readonly topicPrefix: string;
  readonly cdcName: string;
  readonly integrations: readonly Integration[];
  readonly database: Database;
  readonly scheduler: Scheduler;
  readonly cluster: KafkaCluster;
  readonly locks = new LockTable();
  readonly faults: FaultBook;
  readonly systems: ReadonlyMap<SystemName, SimulatedSystem>;
  readonly slot: Slot;
  readonly people: PeopleAtWork;
  readonly processes: Processes;
  readonly journal: Fact[] = [];
  /** What the product itself could not foresee: its own errors beyond those of its catalogue. */
  readonly unforeseen: string[] = [];
  /** A process that never dies, for what operators do. */
  readonly operator: Incarnation;
  readonly operatorPool: GatedPool;
  laziness = 1;
  /** Calls that have not arrived, and notifications that are not on the log. */
  underWay = 0;
  readonly #bells = new Bells();

  constructor(schedule: Schedule, database: Database, io: RealIo) {
    const { seed, dials, faults } = schedule;
    this.schedule = schedule;
    this.database = database;
    this.tenant = tenantOf(schedule);
    this.topicPrefix = `s${seed}.`;
    this.cdcName = `cdc_${seed}`;
    this.integrations = integrationsOf(schedule);
    this.scheduler = new Scheduler({ startAt: START_AT, random: randomOf(seed, 'ties'), io });
    this.cluster = new KafkaCluster(this.scheduler, PARTITIONS);
    const clock = (): number => this.scheduler.now;
    const tell = (fact: Fact): void => { this.journal.push(fact); };
    this.faults = new FaultBook({ faults, since: () => clock() - START_AT, clock, tell });
    const bevatel = { ...BEVATEL_DIALS, clockSkewMs: dials.bevatelSkewMs };
    this.systems = new Map(Object.entries({ bevatel, ...dials.systems }).map(([name, one]) => [name, new SimulatedSystem({ name, dials: one, clock, tell, indexLag: () => this.faults.indexLag(name) })]));
    this.slot = new Slot(this.system('bevatel'), this.tenant);
    this.people = new PeopleAtWork({ scheduler: this.scheduler, systems: this.systems, startAt: START_AT, faults: this.faults });
    this.processes = new Processes({
      seed, count: dials.processes, scheduler: this.scheduler, cluster: this.cluster, faults: this.faults,
      run: (incarnation) => this.#run(incarnation), onFailedStart: (error) => { if (!isSyncError(error) && !isConnectionLost(error)) this.onUnforeseen('start', error); },
    });
    this.operator = new Incarnation({ name: 'op', scheduler: this.scheduler, random: randomOf(seed, 'operator'), isCutOff: () => false, onDeath: () => undefined });
    this.operatorPool = new GatedPool(database, this.operator, { isDown: () => false, losesAnswer: () => false });
    for (const [name, system] of this.systems) if (name !== 'bevatel' && system.dials.pushes) this.#hearOf(system);
  }

  system(name: SystemName): SimulatedSystem {
    const system = this.systems.get(name);
    if (!system) throw new Error(`there is no system ${name}`);
    return system;
  }

  readonly onUnforeseen = (where: string, error: unknown): void => {
    this.unforeseen.push(`${where}: ${error instanceof Error ? `${error.message} ${'code' in error ? String(error.code) : ''}` : String(error)}`);
  };

  /** Runs something that takes simulated time, to its end. */
  async perform<T>(work: Promise<T>): Promise<T> {
    let isDone = false;
    const end = (): void => { isDone = true; };
    work.then(end, end);
    while (!isDone) await this.scheduler.runTo(this.scheduler.now + 1);
    return work;
  }

  /** Nothing of this world happens any more. */
  end(): void {
    this.processes.end();
    this.locks.end();
  }

  /** Takes everything of this world out of the database: some of what processes read there is of all tenants. */
  async clear(): Promise<void> {
    for (const table of this.database.tenantTables) await this.database.ask(`delete from ${table} where tenant_id = $1`, [this.tenant]);
    await this.database.ask('delete from listings where integration_id = $1', [this.cdcName]);
    for (const table of ['positions', 'dead_letters']) await this.database.ask(`delete from ${table} where starts_with(topic, $1)`, [this.topicPrefix]);
  }

  /** All roles in one process. */
  async #run(incarnation: Incarnation): Promise<void> {
    const environment: Environment = {
      incarnation,
      pool: new GatedPool(this.database, incarnation, this.faults),
      kafka: kafkaClient({ cluster: this.cluster, incarnation, scheduler: this.scheduler, faults: this.faults.kafka }),
      locks: this.locks.of(incarnation),
      wake: this.#bells.of(incarnation),
      cdc: contactCdc(this.slot, incarnation),
      topicPrefix: this.topicPrefix,
      integrations: this.integrations,
      capabilitiesOf: (integration) => this.system(integration).capabilities,
      connector: (integration, side, role) => this.#connector(incarnation, integration, side, role),
      laziness: () => this.laziness,
      onUnforeseen: this.onUnforeseen,
    };
    await Promise.all([startReconcile(environment), startDeliver(environment), startCapture(environment, this.cdcName)]);
  }

  #connector(incarnation: Incarnation, integration: string, side: Side, role: 'capture' | 'deliver') {
    const system = this.system(side === 'bevatel' ? 'bevatel' : integration);
    const partners = this.system(side === 'bevatel' ? integration : 'bevatel');
    return connectorOf({
      system, integration, role, clock: () => this.scheduler.now, tell: (fact) => { this.journal.push(fact); },
      network: networkOf({ system: system.name, incarnation, scheduler: this.scheduler, faults: this.faults, onWay: (change) => { this.underWay += change; } }),
      personOf: (partnerId) => partners.find(partnerId)?.person ?? `nobody:${partnerId}`,
      staleness: () => this.faults.staleness(system.name),
    });
  }

  #hearOf(system: SimulatedSystem): void {
    const random = randomOf(this.schedule.seed, `webhooks ${system.name}`);
    let hints = 0;
    sendWebhooks({
      system, tenant: this.tenant, integration: system.name, referenceField: REFERENCE_FIELD, clock: () => this.scheduler.now,
      newId: () => `${system.name}-hint-${(hints += 1)}`, usualMs: () => random.int(20, 900), fault: () => this.faults.webhook(system.name), tell: (fact) => { this.journal.push(fact); },
      deliver: (hint, ms) => this.#deliver(hint, ms),
    });
  }

  /** A door that is shut makes the system send again. */
  #deliver(hint: ContactHint, ms: number): void {
    this.underWay += 1;
    this.scheduler.after(ms, () => {
      this.underWay -= 1;
      if (this.faults.kafka.isDown()) return this.#deliver(hint, LOG_AWAY_MS);
      this.cluster.append([{ topic: topicName(this.topicPrefix, HINTS_TOPIC), key: hintKey(hint), value: CODECS.hints.encode({ ...hint, receivedAt: this.scheduler.now }) }]);
    });
  }
}
