/** `history`, `explain`, `what-if` and `undo` as a user gives them. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { inTransaction } from '../../runtime/database.ts';
import { zHistoryPage, zUndoResult, zWhatIfLine } from '../../schemas/api-history.ts';
import type { ContactDecision } from '../../schemas/decision.ts';
import { insertDecisions } from '../../store/decisions.ts';
import { runCli } from '../../tests/cli.ts';
import type { Ended } from '../../tests/cli.ts';
import { API_KEY, FIELDS, INTEGRATION, openRig, TENANT } from '../../tests/operate-rig.ts';
import type { Rig } from '../../tests/operate-rig.ts';
import { isolatedStack } from '../../tests/stack/fixture.ts';

const stack = await isolatedStack('cli-history');
const NAME = `${TENANT}/${INTEGRATION}`;
const AT = Date.now() - 600_000;
let rig: Rig;
let folder = '';
beforeAll(async () => {
  rig = await openRig(stack);
  folder = await mkdtemp(join(tmpdir(), 'bevatel-sync-history-'));
  const [linkId = ''] = await rig.store({
    bevatelId: 'b-1', externalId: 'x-1', bevatel: { contact_first_name: 'نورة', company_name: 'شركة', email: null }, external: { firstname: 'نورة', company: 'شركة', email: null },
    state: { groups: { contact_first_name: { base: [['نورة'], ['نورة']] }, company_name: { base: [['شركة'], ['شركة']] }, email: { base: [[null], [null]] } } },
  });
  const edit = { group: 'company_name', bevatel: ['old'], external: ['شركة'], bevatelAt: null, externalAt: AT, bevatelActor: null, externalActor: 'userId:5', writeTo: 'bevatel', write: ['شركة'] } as const;
  const common = { tenantId: TENANT, integrationId: INTEGRATION, linkId, bevatelId: 'b-1', externalId: 'x-1', causeId: 'c', side: 'external' } as const;
  const decisions: ContactDecision[] = [
    { ...common, decisionId: 'd1', cause: 'change', verdict: 'conflict_resolved', decidedAt: AT, groups: [{ ...edit, verdict: 'conflict_resolved', rule: 'policy:external_wins', conflict: 'update_update_same_field', base: [['o'], ['o']] }] },
    { ...common, decisionId: 'd2', cause: 'answer', verdict: 'converged', decidedAt: AT + 5, groups: [{ ...edit, verdict: 'converged', rule: 'written', base: [['شركة'], ['شركة']], attempt: 'a1', sentAt: AT + 1 }] },
  ];
  await inTransaction(rig.deps.pool, (transaction) => insertDecisions(transaction, decisions.map((decision) => ({ decision, source: null }))));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
  await rig.close();
});

function cli(...args: readonly string[]): Promise<Ended> {
  return runCli(args, { BEVATEL_SYNC_URL: rig.url, BEVATEL_SYNC_KEY: API_KEY });
}

async function jsonOf(...args: readonly string[]): Promise<unknown[]> {
  const { code, out, err } = await cli(...args, '--json');
  expect([code, err]).toEqual([0, '']);
  return out.trim().split('\n').map((line) => JSON.parse(line) as unknown);
}

describe('history', () => {
  it('speaks the shape of the API with --json, and plain lines without', async () => {
    const [page] = await jsonOf('history', '--integration', NAME, '--contact', 'b-1', '--since', '1h', '--limit', '1');
    expect(zHistoryPage.parse(page)).toMatchObject({ decisions: [{ id: 'd2' }], next: expect.any(String) as unknown });
    const { out } = await cli('history', '--rule', 'policy', '--since', '2026-01-01');
    expect(out.split('\n')[1]).toContain(`${NAME}\tb-1\tx-1\tconflict_resolved\tcompany_name\tpolicy:external_wins\told\tشركة (userId:5)\tbevatel: شركة\td1`);
    expect((await cli('history', '--tenant', 'nobody')).out).toBe('nothing of this was decided\n');
  });
});

describe('explain', () => {
  it('shows the chain from the edit to the value', async () => {
    const { out } = await cli('explain', 'b-1');
    expect(out).toMatch(/^├─ edited in external by userId:5 at .*: شركة$/m);
    expect(out).toMatch(/^├─ conflict_resolved by policy:external_wins at .*, decision d1$/m);
    expect(out).toMatch(/^├─ overrode in bevatel at an unknown time: old$/m);
    expect(out).toMatch(/^└─ written to bevatel: شركة; answered at .*, attempt a1$/m);
  });
});

describe('what-if', () => {
  it('lists what would differ under another policy, line by line, then the totals', async () => {
    const told = (await jsonOf('what-if', '--integration', NAME, '--policy', 'company_name=bevatel_wins', '--since', '1h')).map((line) => zWhatIfLine.parse(line));
    expect(told).toMatchObject([{ kind: 'difference', difference: 'other_winner', then: { side: 'bevatel' }, now: { side: 'external', external: ['old'] } }, { kind: 'totals', differences: 1, byKind: { other_winner: 1 } }]);
    const { out } = await cli('what-if', '--integration', NAME, '--policy', 'company_name=manual', '--since', '1h');
    expect(out).toContain('company_name ↔ company\theld_now\tto bevatel: شركة (policy:external_wins)\theld: old | شركة (policy:manual)');
    expect(out).toContain('1 would differ');
  });

  it('under another mapping, read from a file as apply reads it', async () => {
    const path = join(folder, 'other.yaml');
    const file = {
      integration: INTEGRATION, tenant: TENANT, system: 'hubspot', connection: { baseUrl: rig.hubspot.url, tokenEnv: 'HUBSPOT_TOKEN' }, bevatel: { baseUrl: rig.bevatel.url, keyEnv: 'BEVATEL_KEY' }, match: ['email'],
      fields: FIELDS.filter(({ bevatel }) => bevatel !== 'company_name'),
    };
    await writeFile(path, stringify(file));
    const told = (await jsonOf('what-if', '--mapping', path, '--since', '1h')).map((line) => zWhatIfLine.parse(line));
    expect(told).toMatchObject([{ kind: 'difference', difference: 'not_mapped', now: null }, { kind: 'totals', differences: 1 }]);
    await writeFile(path, stringify({ ...file, fields: [{ bevatel: 'nosuch', external: 'x' }] }));
    expect(await cli('what-if', '--mapping', path, '--since', '1h')).toMatchObject({ code: 2, out: '', err: expect.stringContaining('fields[0]') as unknown });
  });

  it.each<[string, readonly string[], number, RegExp]>([
    ['no policy and no mapping', ['--since', '1h'], 2, /give --policy FIELD=POLICY, or --mapping FILE/],
    ['a policy that is none', ['--integration', NAME, '--policy', 'company_name=loudest', '--since', '1h'], 2, /is no FIELD=POLICY; policies are latest_wins/],
    ['a field that is not mapped', ['--integration', NAME, '--policy', 'nosuch=manual', '--since', '1h'], 2, /policies\.nosuch: is not a mapped field/],
    ['no beginning', ['--integration', NAME, '--policy', 'company_name=manual'], 2, /--since/],
    ['a time that is none', ['--integration', NAME, '--policy', 'company_name=manual', '--since', 'yesterday'], 2, /"yesterday" is no time/],
  ])('%s is refused', async (_what, args, code, words) => {
    const ended = await cli('what-if', ...args);
    expect(ended).toMatchObject({ code, out: '' });
    expect(ended.err).toMatch(words);
  });
});

describe('undo', () => {
  it.each<[string, readonly string[], RegExp]>([
    ['neither --dry-run nor --yes', ['--since', '1h'], /give --dry-run .* or --yes/],
    ['both', ['--since', '1h', '--dry-run', '--yes'], /give --dry-run .* or --yes/],
    ['no beginning', ['--dry-run'], /give --since TIME/],
    ['half a token', ['--yes', '--token', 'abc'], /no token of a preview/],
  ])('%s is refused', async (_what, args, words) => {
    const ended = await cli('undo', ...args);
    expect(ended).toMatchObject({ code: 2, out: '' });
    expect(ended.err).toMatch(words);
  });

  it('that reaches beyond what is kept is refused, and says how far it goes', async () => {
    await rig.deps.pool.query('update integrations set history_since = $1', [AT]);
    const ended = await cli('undo', '--since', '1h', '--dry-run');
    expect(ended).toMatchObject({ code: 1, out: '' });
    expect(ended.err).toMatch(/^beyond_history: the decisions of acme\/crm are kept since 20.*\n.*history\.keepDays/);
    await rig.deps.pool.query('update integrations set history_since = null');
  });

  it('shows what would be taken back; the token of the preview does just that', async () => {
    const { out } = await cli('undo', '--integration', NAME, '--since', '1h', '--dry-run');
    expect(out).toContain('1 fields of 1 links would be taken back (company_name 1; bevatel 1)');
    expect(out).toContain('b-1\tx-1\tcompany_name\tbevatel\tشركة\told\tpolicy:external_wins');
    const token = /bevatel-sync undo --yes --token (\S+)/.exec(out)?.[1] ?? '';
    const [done] = await jsonOf('undo', '--yes', '--token', token);
    expect(zUndoResult.parse(done)).toMatchObject({ fields: 1, moved: 0, undoId: expect.any(String) as unknown });
    const again = await cli('undo', '--since', '1h', '--yes');
    expect(again).toMatchObject({ code: 0 });
    expect(again.out).toContain('0 fields of 0 links are taken back\nleft alone: in_flight 1\nundo ');
  });
});
