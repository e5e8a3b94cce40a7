/** The record's walkthrough on ZooKeeper, looked at with ZooKeeper's own command line. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bucketOf } from '../../src/base/ids.ts';
import { tianchi } from '../cli/cloud.ts';
import { requireOrSkip } from '../support/require.ts';
import { startZooKeeper, zooKeeperAvailable, type ZooKeeperServers } from '../support/zookeeper.ts';

const ZKCLI = '/usr/share/zookeeper/bin/zkCli.sh';
const run = promisify(execFile);
const UUID = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';

requireOrSkip("ZooKeeper's zkCli.sh", zooKeeperAvailable && existsSync(ZKCLI))(
  "the record's walkthrough on ZooKeeper",
  () => {
    let zooKeeper: ZooKeeperServers;
    beforeAll(async () => {
      zooKeeper = await startZooKeeper();
    });
    afterAll(() => zooKeeper.stop());

    /** The lines that zkCli.sh answers with, without its log. */
    async function zkCli(...command: readonly string[]): Promise<string[]> {
      const { stdout } = await run(ZKCLI, ['-server', zooKeeper.connectString, ...command]);
      return stdout.split('\n');
    }

    test("puts the record's paths in place, and traces come out as in the record", async () => {
      const store = `zk://${zooKeeper.connectString}/record`;
      const words = `walkthrough --once --listen 127.0.0.1:0 --store ${store}`;
      const done = await tianchi(words.split(' '));
      expect(done.out).toMatch(/All traces are as in the record\.$/);
      expect(done.status).toBe(0);

      const top = '/record/cns/topologies';
      const paths = (await zkCli('ls', '-R', top)).filter((line) => line.startsWith('/'));
      const vpc = new RegExp(`^${top}/networks/(..)/(${UUID})$`);
      const port = new RegExp(`^${top}/networks/../(${UUID})/ports_v2/(..)/(${UUID})$`);
      const vpcs = paths.flatMap((path) => vpc.exec(path) ?? []);
      const ports = paths.filter((path) => port.test(path));
      expect(vpcs[1]).toBe(bucketOf(vpcs[2] ?? ''));
      expect(ports).toHaveLength(3);
      const groups = new Set<string>();
      for (const path of ports) {
        const [, network, bucket, id = ''] = port.exec(path) ?? [];
        expect(network).toBe(vpcs[2]);
        expect(bucket).toBe(bucketOf(id));
        const value: unknown = JSON.parse(
          (await zkCli('get', path)).find((line) => line.startsWith('{')) ?? '',
        );
        expect(value).toMatchObject({ id, fixed_ips: [expect.anything()] });
        for (const group of (value as { security_groups: string[] }).security_groups) {
          groups.add(group);
        }
      }
      // From a port an operator finds its rules.
      for (const group of groups) {
        const rules = `${top}/security_groups/${bucketOf(group)}/${group}/rules/`;
        expect(paths.filter((path) => path.startsWith(rules)).length).toBeGreaterThanOrEqual(4);
      }
      expect(groups.size).toBe(1);
      expect(await tianchi(['store', 'check', store])).toMatchObject({ status: 0 });
    });
  },
);
