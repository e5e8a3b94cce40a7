/** The server's configuration file: TOML, for what does not belong on a command line. */
import { readFile } from 'node:fs/promises';
import { parse, TomlError } from 'smol-toml';
import { type Static, Type } from 'typebox';
import { Compile } from 'typebox/compile';
import type { TLocalizedValidationError } from 'typebox/error';
import type { ServiceCredentials } from '../api/auth/keystone.ts';
import type { Rate } from '../api/auth/rate-limit.ts';
import type { NovaOptions } from '../api/nova/index.ts';
import { Failure } from '../base/failure.ts';
import type { ZooKeeperAccess } from './open-store.ts';

const strict = { additionalProperties: false } as const;
const Filled = Type.String({ minLength: 1, maxLength: 1024 });

const FileSchema = Type.Object(
  {
    keystone: Type.Optional(
      Type.Object(
        {
          url: Type.Optional(Filled),
          public_url: Type.Optional(Filled),
          username: Type.Optional(Filled),
          password: Type.Optional(Filled),
          password_file: Type.Optional(Filled),
          project: Type.Optional(Filled),
          user_domain: Type.Optional(Filled),
          project_domain: Type.Optional(Filled),
          recheck_seconds: Type.Optional(Type.Number({ minimum: 0, maximum: 3600 })),
          timeout_seconds: Type.Optional(Type.Number({ minimum: 0.1, maximum: 60 })),
        },
        strict,
      ),
    ),
    nova: Type.Optional(
      Type.Object({ endpoint: Type.Optional(Filled), region: Type.Optional(Filled) }, strict),
    ),
    zookeeper: Type.Optional(
      Type.Object(
        {
          user: Type.Optional(Filled),
          password: Type.Optional(Filled),
          password_file: Type.Optional(Filled),
          tls: Type.Optional(Type.Boolean()),
          ca_file: Type.Optional(Filled),
          cert_file: Type.Optional(Filled),
          key_file: Type.Optional(Filled),
          session_timeout_seconds: Type.Optional(Type.Number({ minimum: 1, maximum: 60 })),
        },
        strict,
      ),
    ),
    metrics: Type.Optional(Type.Object({ token: Type.Optional(Filled) }, strict)),
    limits: Type.Optional(
      Type.Object(
        {
          requests_per_second: Type.Optional(Type.Number({ minimum: 0.01, maximum: 1e6 })),
          burst: Type.Optional(Type.Integer({ minimum: 1, maximum: 1e6 })),
        },
        strict,
      ),
    ),
  },
  strict,
);

const fileSchema = Compile(FileSchema);

/** Names of Keystone's first domain and of what installers call the service's user and project. */
const SERVICE = {
  username: 'neutron',
  project: 'service',
  user_domain: 'Default',
  project_domain: 'Default',
} as const;

/** So long may a revoked token go on being good: docs/decisions/token-cache.md. */
const RECHECK_SECONDS = 60;
const TIMEOUT_SECONDS = 5;
/** What one caller can do to the others, at most; a server does a few thousand a second in all. */
const REQUESTS_PER_SECOND = 2000;

export interface Config {
  readonly keystone: {
    readonly url: string | null;
    readonly publicUrl: string | null;
    /** null: none were given. */
    readonly credentials: ServiceCredentials | null;
    /** ms */
    readonly recheck: number;
    /** ms */
    readonly patience: number;
  };
  /** null: there is no [nova], so Nova is told nothing. */
  readonly nova: NovaOptions | null;
  readonly zookeeper: ZooKeeperAccess;
  readonly rate: Rate;
  readonly metricsSecret: string | null;
}

/**
 * Reads the configuration; what it does not say, and all of it where there is no file, is as it
 * comes.
 * @throws {Failure} not_found: unreadable; invalid: the line or the setting that is wrong.
 */
export async function readConfig(path: string | undefined): Promise<Config> {
  const {
    keystone = {},
    nova,
    limits = {},
    metrics = {},
    zookeeper = {},
  } = path === undefined ? {} : await readToml(path);
  const password =
    keystone.password ?? (await firstLine('keystone.password_file', keystone.password_file));
  const named = { ...SERVICE, ...keystone };
  const perSecond = limits.requests_per_second ?? REQUESTS_PER_SECOND;
  return {
    keystone: {
      url: keystone.url ?? null,
      publicUrl: keystone.public_url ?? null,
      credentials:
        password === null
          ? null
          : {
              username: named.username,
              password,
              project: named.project,
              userDomain: named.user_domain,
              projectDomain: named.project_domain,
            },
      recheck: (keystone.recheck_seconds ?? RECHECK_SECONDS) * 1000,
      patience: (keystone.timeout_seconds ?? TIMEOUT_SECONDS) * 1000,
    },
    nova:
      nova === undefined ? null : { endpoint: nova.endpoint ?? null, region: nova.region ?? null },
    zookeeper: await accessOf(path ?? '', zookeeper),
    rate: { perSecond, burst: limits.burst ?? Math.max(1, 2 * perSecond) },
    metricsSecret: metrics.token ?? null,
  };
}

async function readToml(path: string): Promise<Static<typeof FileSchema>> {
  const content = toml(await readText('config', path), path);
  if (fileSchema.Check(content)) return content;
  throw wrong(path, complaint(fileSchema.Errors(content)));
}

function complaint(errors: readonly TLocalizedValidationError[]): string {
  const unknown = errors.find((error) => error.keyword === 'additionalProperties');
  const error = unknown ?? errors[0];
  const parts = error?.instancePath.split('/').slice(1) ?? [];
  if (unknown === undefined) return `${parts.join('.')} ${error?.message ?? 'is wrong'}`;
  return `${[...parts, unknown.params.additionalProperties[0]].join('.')} is no setting`;
}

function toml(text: string, path: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    // Its first line says what, the others show where.
    const [what = ''] = error.message.split('\n');
    throw wrong(path, `line ${error.line}, column ${error.column}: ${what}`);
  }
}

/** @param config Names the file where that is wrong. */
async function accessOf(
  config: string,
  given: NonNullable<Static<typeof FileSchema>['zookeeper']>,
): Promise<ZooKeeperAccess> {
  const { user, session_timeout_seconds: seconds } = given;
  const password =
    given.password ?? (await firstLine('zookeeper.password_file', given.password_file));
  if ((user === undefined) !== (password === null)) {
    throw wrong(config, 'zookeeper.user and zookeeper.password belong together');
  }
  if (user?.includes(':') === true) throw wrong(config, 'zookeeper.user has a colon');
  const [ca, cert, key] = await Promise.all([
    readIf('zookeeper.ca_file', given.ca_file),
    readIf('zookeeper.cert_file', given.cert_file),
    readIf('zookeeper.key_file', given.key_file),
  ]);
  if ((cert === undefined) !== (key === undefined)) {
    throw wrong(config, 'zookeeper.cert_file and zookeeper.key_file belong together');
  }
  const files = {
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
  };
  return {
    ...(user !== undefined && { digest: `${user}:${password}` }),
    ...((given.tls ?? Object.keys(files).length > 0) && { tls: files }),
    ...(seconds !== undefined && { sessionTimeoutMs: seconds * 1000 }),
  };
}

const readIf = (field: string, path: string | undefined): Promise<string | undefined> =>
  path === undefined ? Promise.resolve(undefined) : readText(field, path);

async function firstLine(field: string, path: string | undefined): Promise<string | null> {
  if (path === undefined) return null;
  const [line = ''] = (await readText(field, path)).split('\n');
  return line;
}

function readText(field: string, path: string): Promise<string> {
  return readFile(path, 'utf8').catch((error: unknown) => {
    const why = error instanceof Error ? error.message : String(error);
    throw new Failure('not_found', 'FileNotReadable', `cannot read ${field} ${path} (${why})`, {
      field,
      value: path,
      remedy: 'give the path of a file that the server may read',
    });
  });
}

const wrong = (path: string, what: string): Failure =>
  new Failure('invalid', 'InvalidInput', `the configuration ${path} is wrong: ${what}`, {
    field: 'config',
    value: path,
    remedy: 'docs/keystone.md and docs/zookeeper.md list all settings',
  });
