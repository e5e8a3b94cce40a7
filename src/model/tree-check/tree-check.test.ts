import { describe, expect, test } from 'vitest';
import { furnished, type Scene } from '../../../test/support/furnished.ts';
import type { Kind, Objects } from '../objects.ts';
import { allocationPath, groupPath, macPath, pathOf, vniPath } from '../tree.ts';
import { checkTree, IMPORTING, type Finding } from './index.ts';

const findingsIn = ({ world }: Scene): readonly Finding[] =>
  checkTree([...world.entries].map(([path, { value }]) => ({ path, value })));

function write({ world }: Scene, path: string, value: string | null): void {
  if (value === null) world.entries.delete(path);
  else world.entries.set(path, { value, version: 0 });
}

const placeOf = <K extends Kind>({ world }: Scene, kind: K, object: Objects[K]): string =>
  pathOf(kind, object, world.topology);

/** Writes attributes of an object past all plans. */
function damage<K extends Kind>(
  scene: Scene,
  kind: K,
  object: Objects[K],
  attributes: Readonly<Record<string, unknown>>,
): void {
  write(scene, placeOf(scene, kind, object), JSON.stringify({ ...object, ...attributes }));
}

/** A rule of the furnished world, with that for its remote prefix. */
const withRemote =
  (remote_ip_prefix: string) =>
  (scene: Scene): void => {
    const group = scene.world.create('security_group', { name: 'web' });
    const rule = scene.world.create('security_group_rule', {
      security_group_id: group.id,
      direction: 'ingress',
    });
    damage(scene, 'security_group_rule', rule, { remote_ip_prefix });
  };

const NOBODY = '99999999-9999-4999-8999-999999999999';

interface Damage {
  readonly what: string;
  readonly plant: (scene: Scene) => void;
  /** Part of what must be said, by code. */
  readonly said: readonly (readonly [code: Finding['code'], words: string])[];
}

const allocation = (scene: Scene, address: string): string =>
  allocationPath(placeOf(scene, 'subnet', scene.subnet), address);

const addressOf = (port: Objects['port']): string => port.fixed_ips[0]?.ip_address ?? '';

const DAMAGES: readonly Damage[] = [
  {
    what: 'a value that is no JSON',
    plant: (scene) => write(scene, placeOf(scene, 'port', scene.port), '{"id": '),
    said: [['Unreadable', 'no JSON']],
  },
  {
    what: 'an attribute of another form',
    plant: (scene) => damage(scene, 'network', scene.lone, { mtu: '1450' }),
    said: [['Unreadable', 'mtu is "1450", not a whole number']],
  },
  {
    what: 'a remote prefix longer than its address',
    plant: withRemote('10.0.1.7/33'),
    said: [['Unreadable', 'remote_ip_prefix is "10.0.1.7/33", not a prefix']],
  },
  {
    what: 'a remote prefix written otherwise',
    plant: withRemote('10.0.1.7/024'),
    said: [['Unreadable', 'remote_ip_prefix is "10.0.1.7/024", not a prefix']],
  },
  {
    what: 'an attribute that is left out',
    plant: (scene) => damage(scene, 'port', scene.port, { mac_address: undefined }),
    said: [['Unreadable', 'mac_address is left out']],
  },
  {
    what: "an object at another's place",
    plant: (scene) => damage(scene, 'node', scene.node, { id: 'node2' }),
    said: [['WrongPlace', 'node node2 lies where node node1 belongs']],
  },
  {
    what: 'a port below a VPC that it was not born in',
    plant: (scene) => {
      const place = placeOf(scene, 'port', scene.other);
      const value = scene.world.entries.get(place)?.value ?? '';
      write(scene, place, null);
      write(scene, placeOf(scene, 'port', { ...scene.other, network_id: scene.lone.id }), value);
    },
    said: [['WrongPlace', 'its place is']],
  },
  {
    what: 'one object at two places',
    plant: (scene) => {
      const { other, lone } = scene;
      const value = JSON.stringify(other);
      write(scene, placeOf(scene, 'port', { ...other, network_id: lone.id }), value);
    },
    said: [['Duplicate', 'lies at']],
  },
  {
    what: 'a port whose group is gone',
    plant: (scene) => damage(scene, 'port', scene.port, { security_groups: [NOBODY] }),
    said: [
      ['Dangling', `security group ${NOBODY}, which is not there`],
      ['ClaimMissing', `of security group ${NOBODY} without its claim`],
      ['ClaimOrphan', 'of security group'],
    ],
  },
  {
    what: 'a port whose network is gone',
    plant: (scene) => write(scene, placeOf(scene, 'network', scene.network), null),
    said: [['Dangling', 'network_id of port']],
  },
  {
    what: 'two ports with one address',
    plant: (scene) => damage(scene, 'port', scene.other, { fixed_ips: scene.port.fixed_ips }),
    said: [['Duplicate', 'address 10.0.1.']],
  },
  {
    what: 'two ports with one MAC',
    plant: (scene) => damage(scene, 'port', scene.other, { mac_address: scene.port.mac_address }),
    said: [['Duplicate', 'MAC fa:16:3e:']],
  },
  {
    what: 'two VPCs with one VNI',
    plant: (scene) => {
      const { vni } = scene.vpc;
      damage(scene, 'network', scene.outside, { vni, vpc: { id: scene.outside.id, vni } });
    },
    said: [['Duplicate', 'VNI']],
  },
  {
    what: 'two nodes with one VTEP',
    plant: (scene) => {
      const node2 = { ...scene.node, id: 'node2' };
      write(scene, placeOf(scene, 'node', node2), JSON.stringify(node2));
    },
    said: [['Duplicate', 'VTEP 10.9.0.1']],
  },
  {
    what: 'an address without its claim',
    plant: (scene) => write(scene, allocation(scene, addressOf(scene.other)), null),
    said: [['ClaimMissing', 'another may take it']],
  },
  {
    what: 'an address that nobody has',
    plant: (scene) => write(scene, allocation(scene, '10.0.1.200'), `{"port":"${NOBODY}"}`),
    said: [['ClaimOrphan', 'address 10.0.1.200']],
  },
  {
    what: "a MAC claimed by another's id",
    plant: (scene) => {
      const { network, port } = scene;
      const place = placeOf(scene, 'network', network);
      write(scene, macPath(place, port.mac_address), JSON.stringify(NOBODY));
    },
    said: [['ClaimWrong', 'MAC']],
  },
  {
    what: 'a membership that is left over',
    plant: (scene) => {
      const [group] = scene.port.security_groups;
      write(scene, `${groupPath(group ?? '')}/ports/AA/${NOBODY}`, JSON.stringify(NOBODY));
    },
    said: [['ClaimOrphan', `port ${NOBODY} of security group`]],
  },
  {
    what: 'a VNI that no network has',
    plant: (scene) => write(scene, vniPath(77), JSON.stringify(NOBODY)),
    said: [['ClaimOrphan', 'VNI 77']],
  },
  {
    what: 'a quota slot taken twice',
    plant: (scene) => {
      const mine = [...scene.world.topology.all('port')].find(
        (port) => port.project_id === 'small',
      );
      damage(scene, 'port', scene.other, { project_id: 'small', quota_slot: mine?.quota_slot });
    },
    said: [['Duplicate', 'of the port quota of project small']],
  },
  {
    what: 'prefixes of a VPC that are not those of its subnets',
    plant: (scene) => {
      const { vpc } = scene;
      write(scene, `${placeOf(scene, 'network', vpc)}/prefixes`, '["10.0.9.0/24"]');
    },
    said: [['ClaimWrong', `the prefixes of VPC ${'0'.repeat(8)}`]],
  },
  {
    what: 'subnets of one VPC that overlap',
    plant: (scene) => damage(scene, 'subnet', scene.apart, { cidr: '10.0.1.128/25' }),
    said: [['PrefixOverlap', '(10.0.1.0/24) overlaps']],
  },
  {
    what: "a subnet outside of its VPC's prefix",
    plant: (scene) => damage(scene, 'network', scene.vpc, { cidr: '10.1.0.0/16' }),
    said: [['OutsideOfPrefix', "is not inside its VPC's 10.1.0.0/16"]],
  },
  {
    what: 'an address outside of its subnet',
    plant: (scene) => damage(scene, 'subnet', scene.subnet, { cidr: '10.0.2.0/24' }),
    said: [['OutsideOfPrefix', 'which is not in 10.0.2.0/24']],
  },
  {
    what: 'a network with a VNI that its VPC has not',
    plant: (scene) =>
      damage(scene, 'network', scene.network, { vpc: { id: scene.vpc.id, vni: 4_000_000 } }),
    said: [['WrongVpc', 'has VNI 4000000']],
  },
  {
    what: 'a network that left the VPC its router makes',
    plant: (scene) => {
      const { id, vni } = scene.lone;
      damage(scene, 'network', scene.network, { vpc: { id, vni } });
    },
    said: [['WrongVpc', 'routers connect the networks of the VPCs']],
  },
  {
    what: 'a network in a VPC that no router joins it to',
    plant: (scene) => damage(scene, 'network', scene.lone, { vpc: scene.vpc.vpc }),
    said: [['WrongVpc', 'parts that no router connects']],
  },
  {
    what: 'an external network without its policy',
    plant: (scene) => {
      const [policy] = scene.world.topology.all('rbac_policy');
      if (policy) write(scene, placeOf(scene, 'rbac_policy', policy), null);
    },
    said: [
      ['Contradiction', 'is external without a policy'],
      ['ClaimOrphan', 'right'],
    ],
  },
  {
    what: 'a gateway without its port',
    plant: (scene) => damage(scene, 'router', scene.router, { external_gateway_info: null }),
    said: [['Contradiction', 'has 1 gateway ports; 0 would be right']],
  },
  {
    what: 'a floating ip for an address that its port has not',
    plant: (scene) =>
      damage(scene, 'floatingip', scene.floating, { fixed_ip_address: '10.0.1.77' }),
    said: [['Contradiction', 'stands for 10.0.1.77']],
  },
  {
    what: 'a floating ip without a port that holds its address',
    plant: (scene) =>
      damage(scene, 'floatingip', scene.floating, { floating_ip_address: '20.0.0.99' }),
    said: [['Contradiction', 'has not one port that holds its 20.0.0.99']],
  },
  {
    what: 'security groups without port security',
    plant: (scene) => damage(scene, 'port', scene.port, { port_security_enabled: false }),
    said: [['Contradiction', 'has security groups with port security off']],
  },
  {
    what: 'an event for Nova of another form',
    plant: (scene) => write(scene, '/cns/topologies/nova_events/AB/1', '{"order":"first"}'),
    said: [['Unreadable', 'an object with order, event']],
  },
  {
    what: 'an import that was cut off',
    plant: (scene) => write(scene, IMPORTING, '{}'),
    said: [['ImportUnfinished', 'import the file again']],
  },
  {
    what: 'a node that is nobody’s',
    plant: (scene) => write(scene, '/cns/other/%zz', '1'),
    said: [['ClaimOrphan', '/cns/other/%zz']],
  },
];

describe('a tree', () => {
  test('that plans alone have written is clean', () => {
    expect(findingsIn(furnished())).toEqual([]);
  });

  test.each(['10.0.1.7/24', '10.0.1.7', '0.0.0.0/0'])(
    'with a rule for %s, as its maker wrote it, is clean',
    (remote_ip_prefix) => {
      const scene = furnished();
      const group = scene.world.create('security_group', { name: 'web' });
      scene.world.create('security_group_rule', {
        security_group_id: group.id,
        direction: 'ingress',
        remote_ip_prefix,
      });
      expect(findingsIn(scene)).toEqual([]);
    },
  );

  test.each(DAMAGES.map((damaged) => [damaged.what, damaged] as const))(
    'with %s is told from a clean one',
    (_, { plant, said }) => {
      const scene = furnished();
      plant(scene);
      const findings = findingsIn(scene);
      const told = findings.map(({ code, message }) => `${code}: ${message}`);
      for (const [code, words] of said) {
        const hit = findings.some((each) => each.code === code && each.message.includes(words));
        expect(hit, `${code} … ${words} among\n${told.join('\n')}`).toBe(true);
      }
    },
  );

  test('has no node whose loss or change goes unseen, and is clean again with all fixes in', () => {
    const scene = furnished();
    const before = new Map(scene.world.entries);
    const unseen: string[] = [];
    for (const [path, { value }] of before) {
      for (const damaged of [null, '"x"', '7']) {
        write(scene, path, damaged);
        const findings = findingsIn(scene);
        if (findings.length === 0) unseen.push(`${path} ${damaged}`);
        const claims = findings.every(({ fix }) => fix !== undefined) ? findings : [];
        for (const { fix } of claims) {
          if (fix === undefined || fix.op === 'check') continue;
          write(scene, fix.path, fix.op === 'delete' ? null : fix.value);
        }
        if (claims.length > 0) expect(findingsIn(scene)).toEqual([]);
        for (const { fix } of claims) {
          if (fix !== undefined) write(scene, fix.path, before.get(fix.path)?.value ?? null);
        }
        write(scene, path, value);
      }
    }
    // Nothing names a project's limits: without them the defaults hold.
    expect(unseen).toEqual([expect.stringMatching(/\/quotas\/..\/small null$/)]);
  });
});
