/**
 * The operator's API from the command line. Address and key come by option, or from BEVATEL_SYNC_URL and
 * BEVATEL_SYNC_KEY, or from what the service itself is started with (OPERATE_URL, OPERATE_PORT, API_KEY).
 */
import { userInfo } from 'node:os';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import type { Command } from 'commander';
import { z } from 'zod';
import { zApiError, zRefusal } from '../../schemas/api.ts';
import type { ApiError } from '../../schemas/api.ts';
import { SyncError } from '../../schemas/errors.ts';
import { Refused, strict } from './failure.ts';
import { values } from './words.ts';

export interface ApiOptions {
  readonly url?: string;
  readonly key?: string;
  readonly json?: boolean;
}

/** Adds the options that every command over the API has. */
export function withApiOptions(command: Command): Command {
  return strict(command)
    .option('--url <url>', 'address of the operator\'s API (BEVATEL_SYNC_URL, default http://127.0.0.1:8300)')
    .option('--key <key>', 'its Bearer key (BEVATEL_SYNC_KEY)')
    .option('--json', 'print the answer as JSON, in the shape of the API');
}

export interface ApiClient {
  get<S extends z.ZodType>(path: string, query: Readonly<Record<string, string | number | undefined>>, answer: S): Promise<z.output<S>>;
  post<S extends z.ZodType>(path: string, body: unknown, answer: S): Promise<z.output<S>>;
  /** An answer that comes line by line. A line that tells of a failure is thrown as Refused. */
  lines<S extends z.ZodType>(path: string, body: unknown, line: S): AsyncGenerator<z.output<S>>;
}

const TIMEOUT_MS = 60_000;
const JSON_BODY = { 'content-type': 'application/json' };

export function apiClient(options: ApiOptions, env: Readonly<Record<string, string | undefined>>): ApiClient {
  const url = (options.url ?? env['BEVATEL_SYNC_URL'] ?? env['OPERATE_URL'] ?? `http://127.0.0.1:${env['OPERATE_PORT'] ?? '8300'}`).replace(/\/+$/, '');
  const key = options.key ?? env['BEVATEL_SYNC_KEY'] ?? env['API_KEY'];
  if (!URL.canParse(url)) throw new SyncError('configuration_invalid', 'BEVATEL_SYNC_URL is no URL; it looks like http://127.0.0.1:8300');
  if (key === undefined || key === '') throw new SyncError('configuration_missing', 'BEVATEL_SYNC_KEY is not set (nor --key): it is the API_KEY that the service was started with');
  function ask(path: string, init: RequestInit): Promise<Response> {
    return reach(`${url}${path}`, { ...init, headers: { ...init.headers, authorization: `Bearer ${key}`, 'x-operator': actor() } });
  }
  function checked<S extends z.ZodType>(path: string, answer: S, body: unknown): z.output<S> {
    const parsed = answer.safeParse(body);
    if (!parsed.success) throw new SyncError('unexpected_answer', `${url}${path} answered in another shape; is it a bevatel-sync of this version?`);
    return parsed.data;
  }
  async function call<S extends z.ZodType>(path: string, init: RequestInit, answer: S): Promise<z.output<S>> {
    const response = await ask(path, { ...init, signal: AbortSignal.timeout(TIMEOUT_MS) });
    const body: unknown = await response.json().catch(() => null);
    if (!response.ok) throw refusedBy(url, response.status, body);
    return checked(path, answer, body);
  }
  return {
    get: (path, query, answer) => {
      const given = Object.entries(query).filter(([, value]) => value !== undefined).map(([name, value]): [string, string] => [name, String(value)]);
      return call(`${path}${given.length > 0 ? `?${new URLSearchParams(given)}` : ''}`, { method: 'GET' }, answer);
    },
    post: (path, body, answer) => call(path, { method: 'POST', body: JSON.stringify(body), headers: JSON_BODY }, answer),
    lines: async function* (path, body, line) {
      const response = await ask(path, { method: 'POST', body: JSON.stringify(body), headers: JSON_BODY });
      if (!response.ok || !response.body) throw refusedBy(url, response.status, await response.json().catch(() => null));
      for await (const text of createInterface({ input: Readable.fromWeb(response.body) })) {
        const told: unknown = JSON.parse(text);
        const failed = zFailedLine.safeParse(told);
        if (failed.success) throw new Refused(failed.data.error, changedLines(failed.data.error));
        yield checked(path, line, told);
      }
    },
  };
}

const zFailedLine = z.object({ kind: z.literal('failed'), error: zApiError });

async function reach(address: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(address, init);
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error && 'code' in error.cause ? ` (${String(error.cause.code)})` : '';
    throw new Refused({
      code: 'operate_unreachable', message: `nothing answers at ${new URL(address).origin}${cause}`,
      advice: 'Start it by `bevatel-sync run operate` (or `run all`), or set BEVATEL_SYNC_URL to where it listens.',
    });
  }
}

function refusedBy(url: string, status: number, body: unknown): Refused {
  const told = zRefusal.safeParse(body);
  if (!told.success) return new Refused({ code: `http_${status}`, message: `${url} answered ${status}`, advice: 'Check that BEVATEL_SYNC_URL is the address of operate.' });
  return new Refused(told.data.error, changedLines(told.data.error));
}

function changedLines({ changed }: ApiError): string[] {
  return (changed ?? []).map(({ side, was, now }) => `${side}: was ${values(was)}, is now ${values(now)}`);
}

/** For the audit; who may act is decided by the key. */
function actor(): string {
  try {
    return `cli ${userInfo().username}`.replace(/[^\w.@ -]/g, '-');
  } catch {
    return 'cli';
  }
}

/** Splits `tenant/integration`, as the commands take it. */
export function integrationOf(text: string): { readonly tenant: string; readonly integration: string } {
  const [tenant, integration, ...rest] = text.split('/');
  if (!tenant || !integration || rest.length > 0) throw new SyncError('change_malformed', `"${text}" names no integration; write TENANT/INTEGRATION as status shows it`);
  return { tenant, integration };
}

/** Options that narrow a list: `--integration TENANT/INTEGRATION`. */
export function filterOf(options: { readonly integration?: string }): { readonly tenant?: string; readonly integration?: string } {
  return options.integration === undefined ? {} : integrationOf(options.integration);
}
