/** The demo's result: the report for people, and the last line for programs. */
import type { Certificate } from '../../schemas/verification.ts';
import type { Calls } from './calls.ts';
import type { Comparison } from './compare.ts';
import { percentile } from './lag.ts';
import type { Seen } from './lag.ts';
import type { ConflictCount } from './verdicts.ts';

export interface Result {
  readonly certificate: Certificate;
  readonly comparison: Comparison;
  readonly conflicts: readonly ConflictCount[];
  readonly echoes: number;
  readonly calls: Calls;
  readonly lags: readonly Seen[];
  /** Edits whose value never came to the other side. */
  readonly missing: number;
  readonly edits: number;
  /** Contacts on a side, and people who must be there once. */
  readonly contacts: { readonly bevatel: number; readonly hubspot: number; readonly people: number };
  readonly initial: { readonly seconds: number; readonly pairs: number };
  readonly seconds: number;
}

/** The last line, with exactly these keys. */
export interface Line {
  readonly ok: boolean;
  readonly pairs: number;
  readonly equal: number;
  readonly held: number;
  readonly conflicts: number;
  readonly duplicates: number;
  readonly echoes: number;
  readonly calls: number;
  readonly calls_min: number;
  readonly lag_ms: { readonly p50: number; readonly p99: number };
  readonly seconds: number;
}

export function lineOf(result: Result): Line {
  const { certificate, conflicts, echoes, calls } = result;
  const lags = announced(result.lags);
  return {
    ok: problemsOf(result).length === 0,
    pairs: certificate.pairs, equal: equalPairs(certificate), held: certificate.held,
    conflicts: sum(conflicts.map(({ count }) => count)), duplicates: duplicatesOf(result), echoes,
    calls: calls.made, calls_min: calls.least,
    lag_ms: { p50: percentile(lags, 0.5), p99: percentile(lags, 0.99) },
    seconds: rounded(result.seconds),
  };
}

/** Why it is not all right; empty when it is. */
export function problemsOf(result: Result): readonly string[] {
  const { certificate, comparison, contacts, missing } = result;
  const faults: readonly (readonly [boolean, string])[] = [
    [!certificate.ok, `verify found unexplained differences: ${reasons(certificate)}`],
    [comparison.pairs !== certificate.pairs, `the second opinion ties ${comparison.pairs} pairs, verify ${certificate.pairs}`],
    [comparison.equal !== equalPairs(certificate), `the second opinion finds ${comparison.equal} equal pairs, verify ${equalPairs(certificate)}`],
    [duplicatesOf(result) > 0, `${duplicatesOf(result)} contacts exist twice`],
    [contacts.bevatel < contacts.people || contacts.hubspot < contacts.people, `of ${contacts.people} people Bevatel has ${contacts.bevatel}, HubSpot ${contacts.hubspot}`],
    [missing > 0, `${missing} edits did not come to the other side`],
  ];
  return faults.filter(([isSo]) => isSo).map(([, fault]) => fault);
}

export function reportOf(result: Result): string {
  const { certificate, comparison, conflicts, calls, contacts, lags, initial } = result;
  const [direct, lost] = [announced(lags), lags.filter(({ isAnnounced }) => !isAnnounced).map(({ lagMs }) => lagMs)];
  const held = conflicts.filter(({ verdict }) => verdict === 'conflict_held');
  return [
    row('Initial sync', `${initial.pairs} pairs in ${rounded(initial.seconds)} s; ${calls.made} API calls, at least ${calls.least} (× ${(calls.made / calls.least).toFixed(2)})`),
    row('', calls.byEndpoint.map(([name, count]) => `${name} ${count}`).join(', ')),
    row('Burst', `${result.edits} edits on both sides`),
    row('Lag', `${lagOf('announced edits', direct)}; ${lagOf('to HubSpot', announced(lags, 'hubspot'))}; ${lagOf('to Bevatel', announced(lags, 'bevatel'))}`),
    row('', `${lagOf('webhook lost, found by polling', lost)}, longest ${percentile(lost, 1)} ms`),
    row('Pairs', `${certificate.pairs}: ${equalPairs(certificate)} equal, ${certificate.held} held for a person, ${certificate.skipped} with a value that a rule leaves where it is`),
    row('Conflicts', `${sum(conflicts.map(({ count }) => count))}: ${sum(conflicts.map(({ count }) => count)) - sum(held.map(({ count }) => count))} decided, ${sum(held.map(({ count }) => count))} held`),
    ...conflicts.map((conflict) => row('', conflictLine(conflict))),
    row('Echoes', `${result.echoes} of our own writes recognised and not written again`),
    row('Duplicates', `${duplicatesOf(result)}; ${contacts.people} people, ${contacts.bevatel} contacts in Bevatel, ${contacts.hubspot} in HubSpot`),
    row('Proof', `verify read ${certificate.pairs} pairs: ${certificate.ok ? 'nothing unexplained' : reasons(certificate)}; the second opinion finds ${comparison.equal} equal`),
    ...problemsOf(result).map((problem) => row('NOT RIGHT', problem)),
  ].join('\n');
}

function conflictLine({ group, verdict, rule, count, example, writeTo }: ConflictCount): string {
  const [bevatel, hubspot] = example;
  const end = verdict === 'conflict_held' ? 'held' : writeTo === 'external' ? 'Bevatel’s value won' : 'HubSpot’s value won';
  return `${String(count).padStart(3)} × ${group}: ${rule} → ${end}, such as ${bevatel} | ${hubspot}`;
}

/** `lossy` pairs agree as far as one side can say it; `normalised` ones stand at what was agreed, and a system writes it in its own way. */
function equalPairs({ equal, lossy, normalised }: Certificate): number {
  return equal + lossy + normalised;
}

/** What is on a side beyond one contact per person, or shares a number or an address there. */
function duplicatesOf({ comparison, contacts }: Result): number {
  const beyond = Math.max(0, contacts.bevatel - contacts.people) + Math.max(0, contacts.hubspot - contacts.people);
  return Math.max(beyond, comparison.twice);
}

function announced(lags: readonly Seen[], on?: Seen['side']): readonly number[] {
  return lags.filter(({ isAnnounced, side }) => isAnnounced && (on === undefined || side === on)).map(({ lagMs }) => lagMs);
}

function lagOf(what: string, lags: readonly number[]): string {
  return `${what} ${lags.length}, p50 ${percentile(lags, 0.5)} ms, p99 ${percentile(lags, 0.99)} ms`;
}

function reasons({ byReason }: Certificate): string {
  return Object.entries(byReason).map(([reason, count]) => `${reason} ${count}`).join(', ');
}

function row(title: string, text: string): string {
  return `  ${title.padEnd(13)} ${text}`;
}

function rounded(seconds: number): number {
  return Math.round(seconds * 10) / 10;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}
