/** What one simulated process stands on, and what its roles share. */
import { pino } from 'pino';
import { Registry } from 'prom-client';
import type { Pool } from 'pg';
import type { Connector } from '../../connectors/connector.ts';
import type { ContactCdc } from '../../connectors/bevatel/cdc/contact-cdc.ts';
import { buildContext } from '../../domain/context.ts';
import type { LinkContext } from '../../domain/context.ts';
import type { Kafka } from '../../runtime/kafka.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { Deps, Wake } from '../../runtime/deps.ts';
import type { Integration } from '../../schemas/integration.ts';
import type { Capabilities } from '../../schemas/system.ts';
import type { Side } from '../../schemas/value.ts';
import type { Locks } from '../../store/locks.ts';
import { CODECS } from '../engine/codecs.ts';
import type { Incarnation } from '../engine/incarnation.ts';

export interface Environment {
  readonly incarnation: Incarnation;
  readonly pool: Pool;
  readonly kafka: Kafka;
  readonly locks: Locks;
  readonly wake: Wake;
  readonly cdc: ContactCdc;
  readonly topicPrefix: string;
  readonly integrations: readonly Integration[];
  readonly capabilitiesOf: (integration: string) => Capabilities;
  readonly connector: (integration: string, side: Side, role: 'capture' | 'deliver') => Connector;
  /** Multiplies the pauses of those who look whether there is something to do. */
  readonly laziness: () => number;
  /** What the product itself could not foresee. */
  readonly onUnforeseen: (where: string, error: unknown) => void;
}

export function depsOf({ incarnation, pool, kafka, wake, topicPrefix, onUnforeseen }: Environment): Deps {
  return {
    config: { topicPrefix, host: '127.0.0.1', ports: { capture: 0, reconcile: 0, deliver: 0, operate: 0 }, apiKey: null },
    pool, kafka, wake, codec: CODECS, redis: null, env: {},
    logger: loggerOf(onUnforeseen), metrics: new Registry(),
    clock: incarnation.clock, newId: incarnation.newId, random: () => incarnation.random.next(),
  };
}

/** Silent, but for what the product logs as an error: that is a finding. */
function loggerOf(onUnforeseen: Environment['onUnforeseen']): Logger {
  return pino({ level: 'error' }, { write: (line: string) => onUnforeseen('log', new Error(line.trim())) });
}

export function contextOf({ capabilitiesOf }: Environment): (integration: Integration) => LinkContext {
  return (integration) => buildContext(integration, capabilitiesOf(integration.integration));
}

/** Longest page of a poll or listing; what is shorter is a pause. */
export const DEADLINE_MS = 60_000;

/** For pauses between looks: they may be longer than they are in the product, the more so as long as there is nothing new. */
export function lazily({ incarnation, laziness }: Environment, times = 1): Incarnation['sleep'] {
  return (ms, signal) => incarnation.sleep(ms < DEADLINE_MS ? ms * times * laziness() : ms, signal);
}
