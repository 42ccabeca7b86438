/**
 * How to run a program that refuses to run as root (Postgres) when we are root.
 *
 * As user `postgres`, else `nobody`, where that user can reach the program and its folder. In a checkout that
 * only root may enter (such as one below /root) instead in a user namespace: the program sees an ordinary user,
 * the file system still sees root.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { StackUnavailable } from './stack.ts';

const run = promisify(execFile);

type Owner = { readonly uid: number; readonly gid: number };

export type Runner = {
  /** Put before the command. */
  readonly prefix: readonly string[];
  /** Ids for `spawn`; the program's files must belong to them. */
  readonly spawnAs?: Owner;
};

/** @throws StackUnavailable when neither way works here. */
export async function chooseRunner(program: string, folder: string): Promise<Runner> {
  if (process.getuid?.() !== 0) return { prefix: [] };
  const owner = await ordinaryUser();
  const reaches = await succeeds('test', ['-x', program, '-a', '-x', folder], owner);
  if (reaches) return { prefix: [], spawnAs: owner };
  const prefix = ['unshare', '--user', `--map-user=${owner.uid}`, `--map-group=${owner.gid}`, '--'];
  const [command = '', ...args] = [...prefix, program, '--version'];
  if (await succeeds(command, args)) return { prefix };
  throw new StackUnavailable(`PostgreSQL does not run as root, and an ordinary user cannot reach ${folder}: move the project to where others may enter, or start as another user`);
}

async function ordinaryUser(): Promise<Owner> {
  for (const name of ['postgres', 'nobody']) {
    try {
      const [uid, gid] = await Promise.all([run('id', ['-u', name]), run('id', ['-g', name])]);
      return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
    } catch {
      continue;
    }
  }
  throw new StackUnavailable('PostgreSQL does not run as root, and there is no user postgres or nobody to run it as: create one, or start as another user');
}

function succeeds(command: string, args: readonly string[], as?: Owner): Promise<boolean> {
  return run(command, args, { ...as, cwd: '/' }).then(() => true, () => false);
}
