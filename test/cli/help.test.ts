import { describe, expect, test } from 'vitest';
import { tianchi } from './cloud.ts';

/** Every command's words, from the lists that the helps print. */
async function commandsBelow(path: readonly string[]): Promise<string[][]> {
  const { out } = await tianchi([...path, '--help']);
  const listed = out.split('\nCommands:\n')[1]?.split('\nExample:\n')[0] ?? '';
  const names = [...listed.matchAll(/^ {2}([a-z][\w-]*)/gm)].map(([, name = '']) => name);
  const found: string[][] = [];
  for (const name of names.filter((candidate) => candidate !== 'help')) {
    const command = [...path, name];
    found.push(command, ...(await commandsBelow(command)));
  }
  return found;
}

const commands = await commandsBelow([]);
const named = commands.map((words) => words.join(' '));

/** These print no data, or lines of a form of their own. */
const WITHOUT_JSON =
  /-delete$|^(server|agent|agent-credential|complete|walkthrough|lab|store|flows|groups|ports|router-gateway-(set|clear))$|^lab (down|exec|console|delete|ovs|restart-\w+)$/;

describe('the help', () => {
  test('lists the commands of the contract', () => {
    const nouns = ['net', 'router', 'subnet', 'port', 'security-group', 'security-group-rule'];
    const expected = [
      ...nouns.flatMap((noun) =>
        ['create', 'list', 'show', 'delete'].map((verb) => `${noun}-${verb}`),
      ),
      'port-update',
      'trace',
      'server',
      'agent',
      'lab',
      'flows parse',
      'flows dump',
      'groups dump',
      'ports dump',
    ];
    expect(expected.filter((command) => !named.includes(command))).toEqual([]);
  });

  test.each([[], ...commands].map((words) => [words.join(' '), words] as const))(
    'of tianchi %s goes to stdout, with an example',
    async (_name, words) => {
      const { status, out, err } = await tianchi([...words, '--help']);
      expect({ status, err }).toEqual({ status: 0, err: '' });
      const [usage = '', examples = ''] = out.split('\nExample:\n');
      expect(usage).toMatch(/^Usage: tianchi/);
      expect(examples).toContain(`tianchi ${words.slice(0, 1).join('')}`);
    },
  );

  test.each(named.filter((name) => !WITHOUT_JSON.test(name)))(
    'of %s offers --json',
    async (name) => {
      expect((await tianchi([...name.split(' '), '--help'])).out).toMatch(/^ +--json /m);
    },
  );
});

describe('wrong usage', () => {
  test.each([
    [[], 'Usage: tianchi'],
    [['net-lst'], 'Did you mean net-list?'],
    [['net-create'], "missing required argument 'name'"],
    [['net-show', 'a', 'b'], 'Expected 1 argument but got 2'],
    [['net-list', '--nonsense'], "unknown option '--nonsense'"],
    [['trace', 'a'], "missing required argument 'from' or 'to'"],
    [['trace', 'a', 'b', '--format', 'yaml'], 'text, json, markdown, svg, html'],
    [['trace', 'a', 'b', '--expect', 'maybe'], 'delivered, dropped'],
    [['trace', 'a', 'b', '--family', '5'], '4, 6'],
    [['trace', 'a', 'b', '--source-port', '0'], "'0'; it must be a number from 1 to 65535"],
    [['port-update', 'a'], 'nothing to change'],
    [['security-group-rule-create', 'a'], '--direction'],
    [['flows'], 'Usage: tianchi flows'],
    [['lab'], 'Usage: tianchi lab'],
    [['lab', 'up', '--nodes', 'two'], "--nodes is 'two'; it must be a number"],
    [['lab', 'up', '--nodes', '0'], '--nodes is 0; it must be a number from 1 to 200'],
    [['lab', 'boot', 'vm1'], '--nic'],
    [['lab', 'boot', 'vm1', '--nic', 'p1', '--availability-zone', 'nova:node1'], 'port-id=PORT'],
    [['lab', 'boot', 'vm1', '--nic', 'port-id=p1', '--availability-zone', 'node1'], 'ZONE:NODE'],
    [['lab', 'exec', 'vm1'], "missing required argument 'command'"],
    [['flows', 'dump'], '--node'],
    [['agent'], '--node'],
    [['server', '--default-security-group', 'maybe'], 'on, off'],
    [['server', '--underlay-mtu', '12'], 'from 1280 to 65535'],
    [
      ['agent', '--node', 'n', '--vtep', '10.0.0.1', '--server', 'http://x', '--datapath', 'other'],
      'simulated',
    ],
  ])('%j ends with 2 and says why on stderr', async (args, words) => {
    const { status, out, err } = await tianchi(args);
    expect({ status, out }).toEqual({ status: 2, out: '' });
    expect(err).toContain(words);
  });
});

test.each([
  [['server', '--store', 'zk://:2181/tianchi'], 'zk://HOST:PORT'],
  [['server', '--store', 'zk://a:99999/tianchi'], '99999'],
  [['server', '--store', 'zk://a:2181//tianchi'], 'empty segment'],
  [['agent', '--node', 'n', '--vtep', '10.0.0.1', '--server', 'http://a:1,b'], "'b'"],
])('%j is an address of nothing, says so and ends with 1', async (args, words) => {
  const { status, out, err } = await tianchi(args);
  expect({ status, out }).toEqual({ status: 1, out: '' });
  expect(err).toContain(words);
});

test('the version is the package’s', async () => {
  expect(await tianchi(['--version'])).toMatchObject({
    status: 0,
    out: expect.stringMatching(/^\d+\.\d+\.\d+$/) as unknown,
    err: '',
  });
});
