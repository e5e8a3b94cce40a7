/** With the security group off, what a trace prints as its fix makes the same trace delivered. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Cloud } from './cloud.ts';

let cloud: Cloud;
beforeAll(async () => {
  cloud = await Cloud.open();
  await cloud.vpc(
    'v',
    '10.0.0.0/8',
    ['10.1.0.0/24', 'fd00:1::/64'],
    ['10.2.0.0/24', 'fd00:2::/64'],
  );
  await cloud.boot('v-1', 'node1', '--name', 'a');
  await cloud.boot('v-1', 'node1', '--name', 'near');
  await cloud.boot('v-1', 'node2', '--name', 'far');
  await cloud.boot('v-2', 'node2', '--name', 'routed');
  await cloud.boot('v-1', 'node1', '--name', "it's; $(odd)");
  await cloud.boot('v-1', 'node1', '--name', 'twin');
  await cloud.boot('v-1', 'node2', '--name', 'twin');
});
afterAll(() => cloud.close());

/** Splits as a shell does a line without quotes, and refuses what a shell would take otherwise. */
function words(command: string): string[] {
  expect(command).toMatch(/^tianchi [\w@%+=:,./ -]+$/);
  return command.split(' ').slice(1);
}

/** Groups with a rule each way for everything, or without any rule. */
async function group(name: string, open: boolean): Promise<void> {
  await cloud.ok('security-group-create', name);
  for (const direction of open ? ['ingress', 'egress'] : []) {
    for (const ethertype of ['IPv4', 'IPv6']) {
      const options = ['--direction', direction, '--ethertype', ethertype];
      await cloud.ok('security-group-rule-create', name, ...options);
    }
  }
}

/** Every port without a group, and no group at all. */
async function reset(): Promise<void> {
  for (const { id } of await cloud.list('port-list')) {
    await cloud.ok('port-update', String(id), '--no-security-group');
  }
  for (const { id } of await cloud.list('security-group-list')) {
    await cloud.ok('security-group-delete', String(id));
  }
}

const bind = (port: string, ...groups: readonly string[]) =>
  cloud.ok('port-update', port, ...groups.flatMap((name) => ['--security-group', name]));

interface Situation {
  readonly before?: () => Promise<unknown>;
  /** FROM, TO and what else the trace is asked. */
  readonly trace: readonly string[];
  /** Commands of the fix. */
  readonly commands: number;
}

const situations: Readonly<Record<string, Situation>> = {
  'no group exists': { trace: ['a', 'near'], commands: 5 },
  'across nodes': { trace: ['a', 'far', 'udp/53'], commands: 5 },
  'between subnets': { trace: ['a', 'routed', 'tcp/22'], commands: 5 },
  IPv6: { trace: ['a', 'near', '--family', '6'], commands: 5 },
  'IPv6 between subnets': { trace: ['a', 'routed', 'tcp/443', '--family', '6'], commands: 5 },
  'another protocol': { trace: ['a', 'far', 'ip/47'], commands: 5 },
  sctp: { trace: ['a', 'near', 'sctp/9'], commands: 5 },
  'a default group that allows everything': {
    before: () => group('default', true),
    trace: ['a', 'near'],
    commands: 2,
  },
  'a default group without rules': {
    before: () => group('default', false),
    trace: ['a', 'near', 'tcp/22'],
    commands: 5,
  },
  'only the receiver is without': {
    before: () => group('default', true).then(() => bind('a', 'default')),
    trace: ['a', 'far', 'tcp/22'],
    commands: 1,
  },
  'only the sender is without': {
    before: () => group('default', true).then(() => bind('near', 'default')),
    trace: ['a', 'near', 'tcp/22'],
    commands: 1,
  },
  'a group without a fitting rule at both ends': {
    before: async () => {
      await group('web', false);
      await bind('a', 'web');
      await bind('routed', 'web');
    },
    trace: ['a', 'routed', 'tcp/22'],
    commands: 2,
  },
  'several groups at one end': {
    before: async () => {
      await group('web', false);
      await group('open', true);
      await bind('a', 'web', 'open');
    },
    trace: ['a', 'near'],
    commands: 1,
  },
  'two groups of one name': {
    before: () => group('default', true).then(() => group('default', false)),
    trace: ['a', 'near'],
    commands: 2,
  },
  'a group named for a shell': {
    before: () => group('$(reboot) it’s', true).then(() => bind('far', '$(reboot) it’s')),
    trace: ['a', 'far'],
    commands: 1,
  },
  'an open group that is meant for others': {
    before: () => group('open', true),
    trace: ['a', 'near'],
    commands: 5,
  },
  'a port named for a shell': { trace: ["it's; $(odd)", 'a'], commands: 5 },
  'the name of the new group is taken': {
    before: async () => {
      await group('allow-icmp', false);
      await bind('a', 'allow-icmp');
    },
    trace: ['near', 'far'],
    commands: 5,
  },
};

test.each(Object.entries(situations))('%s', async (_name, { before, trace, commands }) => {
  await reset();
  await before?.();
  const dropped = await cloud.trace(...trace);
  expect(dropped.verdict).toBe('dropped');
  expect(dropped.fix).toHaveLength(commands);
  for (const command of dropped.fix) await cloud.ok(...words(command));
  for (const source of ['live', 'intent']) {
    const cured = await cloud.trace(...trace, '--source', source);
    expect(cured).toMatchObject({ verdict: 'delivered', reason: null, fix: [] });
  }
});

test('a port that shares its name is told by its uuid', async () => {
  await reset();
  const twin = (await cloud.list('port-list')).find(
    (port) => port['name'] === 'twin' && port['binding:host_id'] === 'node2',
  );
  const { fix } = await cloud.trace('a', String(twin?.['id']));
  for (const command of fix) await cloud.ok(...words(command));
  expect(fix.at(-1)).toContain(` ${String(twin?.['id'])} `);
  expect((await cloud.trace('a', String(twin?.['id']))).verdict).toBe('delivered');
});

test.each([
  ['10.1.0.99', 'no_such_address'],
  ['8.8.8.8', 'no_route'],
])('what no command cures has none: %s', async (to, code) => {
  await reset();
  await group('default', true);
  await bind('a', 'default');
  expect(await cloud.trace('a', to)).toMatchObject({ reason: { code }, fix: [] });
});
