import { describe, expect, it } from 'vitest';
import type { Link } from '../../domain/link.ts';
import { EMPTY_STATE, withId } from '../../domain/link.ts';
import type { StoredLink } from '../../store/links.ts';
import { Workspace } from './workspace.ts';

function stored(linkId: string, over: Partial<Link> = {}): StoredLink {
  return {
    link: { tenantId: 't1', integrationId: 'crm', linkId, bevatelId: 'b1', externalId: 'x1', state: EMPTY_STATE, erased: false, ...over },
    lane: 'live', leaseId: null, leaseUntil: null, version: 1,
  };
}

describe('I11: a link is found by its record', () => {
  const workspace = new Workspace([
    stored('mine'), stored('of another tenant', { tenantId: 't2' }), stored('of another integration', { integrationId: 'erp' }),
    stored('the other way round', { bevatelId: 'x1', externalId: 'b1' }),
  ], []);

  it.each([
    ['t1', 'crm', 'bevatel', 'b1', 'mine'], ['t1', 'crm', 'external', 'x1', 'mine'], ['t2', 'crm', 'bevatel', 'b1', 'of another tenant'],
    ['t1', 'erp', 'external', 'x1', 'of another integration'], ['t1', 'crm', 'external', 'b1', 'the other way round'], ['t1', 'crm', 'bevatel', 'nobody', undefined],
    ['t2', 'erp', 'bevatel', 'b1', undefined],
  ] as const)('of tenant %s, integration %s, side %s, id %s it is %s', (tenantId, integrationId, side, recordId, linkId) => {
    expect(workspace.find(tenantId, integrationId, side, recordId)?.link.linkId).toBe(linkId);
  });

  it('its siblings are the links of its Bevatel contact in other integrations of its tenant', () => {
    const mine = workspace.find('t1', 'crm', 'bevatel', 'b1')?.link;
    expect(mine && workspace.siblings(mine).map(({ link }) => link.linkId)).toEqual(['of another integration']);
  });

  it('a record that was replaced leads to the link no more, its successor does', () => {
    const moved = new Workspace([stored('moved')], []);
    const entry = moved.find('t1', 'crm', 'external', 'x1');
    if (entry) moved.change(entry, withId(entry.link, 'external', 'x2'), 'live', 0);
    expect(moved.find('t1', 'crm', 'external', 'x1')).toBeUndefined();
    expect(moved.find('t1', 'crm', 'external', 'x2')?.link.linkId).toBe('moved');
  });
});
