/** Hub and spoke: which link a contact gets that one integration had made again, when it is seen before the answer (I4). */
import { describe, expect, it } from 'vitest';
import { EMPTY_STATE } from '../../domain/link.ts';
import type { Attempt, Link } from '../../domain/link.ts';
import { testContext } from '../../domain/testing/context.ts';
import { START } from '../../domain/testing/story.ts';
import type { ContactChange } from '../../schemas/change.ts';
import { KnownRedirects } from '../../store/redirects.ts';
import { matchRecord } from './match-record.ts';
import { Workspace } from './workspace.ts';

const context = testContext();
const GONE = { bevatel: { how: 'deleted' as const, at: START, settledAt: START } };
const CREATE: Attempt = {
  id: 'a', side: 'bevatel', kind: 'create', status: 'outstanding', groups: {}, condition: null, guard: null, sentAt: START, deadline: START + 10_000, reference: 'Y1',
};

function linkOf(integrationId: string, externalId: string | null, state: Partial<Link['state']>): Link {
  return { tenantId: 'acme', integrationId, linkId: `link ${integrationId}`, bevatelId: 'B1', externalId, erased: false, state: { ...EMPTY_STATE, ...state } };
}

function workspaceOf(links: readonly Link[]): Workspace {
  return new Workspace(links.map((link) => ({ link, version: 1, lane: 'live', leaseId: null, leaseUntil: null })), () => context.mapping, true);
}

const CONTACT = 'B2';

function seen(workspace: Workspace, integrationId: string, references: Record<string, string>): Link {
  let ids = 0;
  const change: ContactChange = {
    changeId: 'c', tenantId: 'acme', side: 'bevatel', recordId: CONTACT, integrationId: null, kind: 'image', revision: '1', image: {}, fieldTimes: {}, histories: {},
    modifiedAt: null, observedFrom: START, observedTo: START, readById: false, capture: 'cdc', references, mergedIds: [], mergedInto: null,
  };
  return matchRecord(workspace, { tenantId: 'acme', integrationId, change, redirects: new KnownRedirects(), context, lane: 'live', now: START, newId: () => `${integrationId}-${(ids += 1)}` }).entry.link;
}

describe('a contact that was made again for one of two integrations', () => {
  const links = [linkOf('x', 'X1', { gone: GONE }), linkOf('y', 'Y1', { gone: GONE, attempts: [CREATE] })];

  it.each([[['x', 'y']], [['y', 'x']]])('is the contact of both, in whichever order they see it (%j)', (order) => {
    const workspace = workspaceOf(links);
    const pairs = Object.fromEntries(order.map((integrationId) => [integrationId, seen(workspace, integrationId, { y: 'Y1' })]));
    expect(pairs).toMatchObject({ x: { bevatelId: 'B2', externalId: 'X1', linkId: 'link x' }, y: { bevatelId: 'B2', externalId: 'Y1', linkId: 'link y' } });
    expect(pairs['x']?.state.gone).toBeUndefined();
    expect(workspace.writes().inserted.map(({ link }) => [link.integrationId, link.bevatelId, link.state.formerOf]).sort()).toEqual([['x', 'B1', 'link x'], ['y', 'B1', 'link y']]);
  });

  it('is a contact of its own where nobody had it made again', () => {
    const workspace = workspaceOf([linkOf('x', 'X1', { gone: GONE }), linkOf('y', 'Y1', {})]);
    expect(seen(workspace, 'x', { y: 'Y1' })).toMatchObject({ bevatelId: 'B2', externalId: null });
  });

  it('waits to be matched where it has no partner: while it was gone nobody could be found for it', () => {
    const workspace = workspaceOf([linkOf('x', null, { gone: GONE }), linkOf('y', 'Y1', { gone: GONE, attempts: [CREATE] })]);
    expect(seen(workspace, 'x', { y: 'Y1' })).toMatchObject({ bevatelId: 'B2', externalId: null, state: { unmatched: true } });
    expect(workspace.writes().queued.map(({ linkId }) => linkId)).toEqual(['link x']);
  });
});

describe('a contact that names a record which ended', () => {
  it('I4: is held beside the link in which the person goes on: a creation may land as late as that', () => {
    const tombstone = { ...linkOf('x', 'X1', { gone: { external: GONE.bevatel }, formerOf: 'link of X2' }), bevatelId: null };
    const link = seen(workspaceOf([tombstone]), 'x', { x: 'X1' });
    expect(link).toMatchObject({ bevatelId: CONTACT, externalId: null, state: { hold: { kind: 'possible_duplicate', candidates: ['link of X2'], rule: 'reference' } } });
  });
});
