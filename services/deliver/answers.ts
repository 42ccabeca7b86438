/**
 * Bevatel's answers, published at once for the tenant's other integrations, with the time and actor of their source
 * (design §6, hub and spoke). With one integration nobody needs them.
 */
import type { Codec } from '../../runtime/codec.ts';
import { describeError } from '../../runtime/logger.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { Publisher } from '../../runtime/publisher.ts';
import type { Link } from '../../domain/link.ts';
import type { ContactChange, FieldTime } from '../../schemas/change.ts';
import { changeKey, changesTopic, topicName } from '../../schemas/topics.ts';
import type { IntegrationBook } from '../../store/integration-book.ts';
import type { DeliverDeps } from './deps.ts';

export interface AnswerDeps {
  readonly publisher: Publisher;
  readonly codec: Codec<ContactChange>;
  readonly topicPrefix: string;
  readonly newId: () => string;
  readonly clock: () => number;
  readonly book: IntegrationBook;
  readonly logger: Logger;
}

export function answerPublisher(deps: AnswerDeps): DeliverDeps['onWritten'] {
  const topic = topicName(deps.topicPrefix, changesTopic('live'));
  return (known, side, links) => {
    if (side !== 'bevatel' || deps.book.all().filter((other) => other.tenantId === known.tenantId).length < 2) return;
    const changes = links.flatMap((link) => answerOf(link, deps) ?? []);
    deps.publisher.publish(changes.map((change) => ({ topic, key: changeKey(change), value: deps.codec.encode(change) })))
      .catch((error: unknown) => deps.logger.warn({ err: describeError(error) }, 'answers were not published; change capture brings them'));
  };
}

function answerOf(link: Link, deps: AnswerDeps): ContactChange | null {
  const seen = link.state.seen.bevatel;
  if (!seen || link.bevatelId === null) return null;
  const times = Object.entries(seen.times).flatMap(([field, time]): [string, FieldTime][] => (time.applied !== undefined && time.to !== null ? [[field, { at: time.to, actor: time.actor }]] : []));
  return {
    changeId: deps.newId(), tenantId: link.tenantId, side: 'bevatel', integrationId: null, recordId: link.bevatelId, kind: 'image',
    revision: seen.revision, image: seen.values, fieldTimes: Object.fromEntries(times), histories: {}, modifiedAt: seen.modifiedAt,
    observedFrom: seen.observedFrom, observedTo: deps.clock(), readById: false, capture: 'answer',
    references: link.externalId === null ? {} : { [link.integrationId]: link.externalId }, mergedIds: [], mergedInto: null,
  };
}
