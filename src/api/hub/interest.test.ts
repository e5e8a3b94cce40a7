import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Change, Kind, Objects } from '../../model/objects.ts';
import type { Same } from '../../model/stream.ts';
import { Topology } from '../../model/topology.ts';
import { Interest } from './interest.ts';

/** Objects as far as scopes look at them. */
function put<K extends Kind>(kind: K, id: string, attributes: Partial<Objects[K]>): Change {
  return { kind, id, object: { id, name: '', ...attributes } } as unknown as Change;
}

const network = (
  id: string,
  vpc: string,
  router: string | null = null,
  next: string | null = null,
  external = false,
) =>
  put('network', id, {
    vpc: { id: vpc, vni: 7 },
    next_vpc: next === null ? null : { id: next, vni: 8 },
    last_vpc: null,
    vni: null,
    router_id: router,
    'router:external': external,
  });
const subnet = (id: string, of: string) => put('subnet', id, { network_id: of, gateway_ip: null });
const router = (id: string, of: string | null, gateway: string | null = null) =>
  put('router', id, {
    network_id: of,
    external_gateway_info:
      gateway === null ? null : { network_id: gateway, enable_snat: true, external_fixed_ips: [] },
  });
const port = (
  id: string,
  of: string,
  host: string,
  groups: string[] = [],
  owner?: string,
  prepared: readonly string[] = [],
) =>
  put('port', id, {
    network_id: of,
    'binding:host_id': host,
    standby_bindings: prepared.map((each) => ({
      host: each,
      vif_type: 'ovs',
      vnic_type: 'normal',
      profile: {},
    })),
    security_groups: groups,
    fixed_ips: [],
    allowed_address_pairs: [],
    device_owner: owner === undefined ? 'compute:nova' : 'network:router_interface',
    device_id: owner ?? '',
    mac_address: 'fa:16:3e:00:00:01',
  });
const group = (id: string) => put('security_group', id, {});
const rule = (id: string, of: string, remote: string | null = null) =>
  put('security_group_rule', id, { security_group_id: of, remote_group_id: remote });
const floating = (id: string, outside: string, of: string | null) =>
  put('floatingip', id, {
    floating_network_id: outside,
    floating_ip_address: '192.0.2.9',
    port_id: of,
  });
const node = (id: string) => put('node', id, { vtep: '192.0.2.1' });
const gone = (kind: Kind, id: string) => ({ kind, id, object: null }) as Change;

/** A scope, worked out from nothing by the words of its definition. */
function scopeOf(topology: Topology, name: string): Set<string> {
  const all = <K extends Kind>(kind: K) => [...topology.all(kind)];
  const here = all('port').filter(
    (it) => it['binding:host_id'] === name || it.standby_bindings.some(({ host }) => host === name),
  );
  const vpcsOf = (it: Objects['network'] | undefined) => [it?.vpc.id, it?.next_vpc?.id];
  const vpcs = new Set(here.flatMap((it) => vpcsOf(topology.get('network', it.network_id))));
  vpcs.delete(undefined);
  const inside = all('network').filter((it) => vpcsOf(it).some((id) => vpcs.has(id)));
  const networks = new Set(inside.map((it) => it.id));
  const ports = all('port').filter((it) => networks.has(it.network_id));
  const portIds = new Set(ports.map((it) => it.id));
  const routerIds = new Set([
    ...inside.map((it) => it.router_id),
    ...ports.filter((it) => it.device_owner === 'network:router_interface').map((p) => p.device_id),
  ]);
  const routers = all('router').filter(
    (it) => routerIds.has(it.id) || (it.network_id !== null && networks.has(it.network_id)),
  );
  const fips = all('floatingip').filter((it) => it.port_id !== null && portIds.has(it.port_id));
  const outside = new Set([
    ...routers.map((it) => it.external_gateway_info?.network_id),
    ...fips.map((it) => it.floating_network_id),
  ]);
  const member = new Set(here.flatMap((it) => it.security_groups));
  const rules = all('security_group_rule').filter((it) => member.has(it.security_group_id));
  const named = new Set([...member, ...rules.map((it) => it.remote_group_id)]);
  const chosen: [Kind, { id: string }[]][] = [
    ['node', all('node')],
    ['network', all('network').filter((it) => networks.has(it.id) || outside.has(it.id))],
    [
      'subnet',
      all('subnet').filter((it) => networks.has(it.network_id) || outside.has(it.network_id)),
    ],
    ['router', routers],
    ['port', ports],
    ['floatingip', fips],
    ['security_group', all('security_group').filter((it) => named.has(it.id))],
    ['security_group_rule', rules],
  ];
  return new Set(chosen.flatMap(([kind, objects]) => objects.map(({ id }) => `${kind} ${id}`)));
}

/** An agent that believes what it is told. */
class Told {
  readonly held = new Map<string, unknown>();

  take(changes: readonly Change[]): void {
    for (const { kind, id, object } of changes) {
      if (object === null) this.held.delete(`${kind} ${id}`);
      else this.held.set(`${kind} ${id}`, object);
    }
  }
}

const expectedOf = (topology: Topology, name: string) =>
  new Map(
    [...scopeOf(topology, name)].map((key) => {
      const [kind, id] = key.split(' ') as [Kind, string];
      return [key, topology.get(kind, id)];
    }),
  );

const sorted = (held: ReadonlyMap<string, unknown>) =>
  [...held].sort(([a], [b]) => (a < b ? -1 : 1));

class World {
  readonly topology = new Topology();
  readonly interest = new Interest(this.topology, 0);
  revision = 0;

  commit(...changes: Change[]) {
    this.revision += 1;
    for (const change of changes) this.topology.apply(change);
    const deltas = this.interest.update(this.revision, changes);
    return new Map(deltas.map((delta) => [delta.scope.node, delta.changes]));
  }
}

const keysIn = (changes: readonly Change[] | undefined) =>
  (changes ?? []).map(({ kind, id, object }) => `${object === null ? '-' : '+'}${kind} ${id}`);

describe('scopes', () => {
  test('the first port of a VPC on a node brings the VPC, the last takes it away', () => {
    const world = new World();
    world.interest.scope('a');
    world.interest.scope('b');
    world.commit(network('n', 'n'), subnet('s', 'n'), group('g'), group('h'), rule('r', 'g', 'h'));
    world.commit(port('p', 'n', 'b', ['h']));
    const came = world.commit(port('q', 'n', 'a', ['g']));
    expect(keysIn(came.get('a'))).toEqual([
      '+network n',
      '+subnet s',
      '+security_group g',
      '+security_group h',
      '+security_group_rule r',
      '+port q',
      '+port p',
    ]);
    expect(keysIn(came.get('b'))).toEqual(['+port q']);
    const left = world.commit(port('q', 'n', '', ['g']));
    expect(keysIn(left.get('a')).sort()).toEqual([
      '-network n',
      '-port p',
      '-port q',
      '-security_group g',
      '-security_group h',
      '-security_group_rule r',
      '-subnet s',
    ]);
    expect(keysIn(left.get('b'))).toEqual(['+port q']);
  });

  test('a node that a port is prepared on holds all that the port needs', () => {
    const world = new World();
    world.interest.scope('b');
    world.commit(network('n', 'n'), subnet('s', 'n'), group('g'), port('q', 'n', 'c'));
    world.commit(port('p', 'n', 'a', ['g']));
    const came = world.commit(port('p', 'n', 'a', ['g'], undefined, ['b']));
    expect(keysIn(came.get('b'))).toEqual([
      '+network n',
      '+subnet s',
      '+security_group g',
      '+port p',
      '+port q',
    ]);
    expect(keysIn(world.commit(port('p', 'n', 'b', ['g'], undefined, ['a'])).get('b'))).toEqual([
      '+port p',
    ]);
  });

  test("a VPC's changes do not reach a node without it", () => {
    const world = new World();
    for (const name of ['a', 'b']) world.interest.scope(name);
    world.commit(network('n', 'n'), network('m', 'm'), port('p', 'n', 'a'), port('q', 'm', 'b'));
    expect([...world.commit(subnet('s', 'n')).keys()]).toEqual(['a']);
    expect([...world.commit(port('x', 'm', '')).keys()]).toEqual(['b']);
    expect([...world.commit(group('g')).keys()]).toEqual([]);
  });

  test('a network that moves to another VPC takes its ports along', () => {
    const world = new World();
    world.interest.scope('a');
    world.commit(network('n', 'n'), network('m', 'm'), port('p', 'n', 'a'), port('q', 'm', ''));
    const joined = world.commit(network('m', 'n', 'r'), router('r', 'n'));
    expect(keysIn(joined.get('a'))).toEqual(['+network m', '+router r', '+port q']);
    expect(keysIn(world.commit(network('m', 'm')).get('a')).sort()).toEqual([
      '-network m',
      '-port q',
    ]);
  });

  test('resuming tells what was missed, and nothing when that is forgotten', () => {
    const world = new World();
    const scope = world.interest.scope('a');
    world.commit(network('n', 'n'), port('p', 'n', 'a'));
    world.commit(network('m', 'm'));
    world.commit(port('q', 'n', ''), port('x', 'm', ''));
    world.commit(gone('port', 'q'));
    expect(keysIn(world.interest.since(scope, 1) ?? [])).toEqual(['-port q']);
    expect(world.interest.since(scope, 4)).toEqual([]);
    expect(world.interest.since(scope, 5)).toBeNull();
    const later = world.interest.scope('b');
    expect(world.interest.since(later, 3)).toBeNull();
    expect(world.interest.since(later, 4)).toEqual([]);
  });

  test('a log too long forgets its beginning', () => {
    const world = new World();
    const scope = world.interest.scope('a');
    world.commit(network('n', 'n'), port('p', 'n', 'a'));
    for (let batch = 0; batch < 5; batch += 1) {
      world.commit(...Array.from({ length: 5000 }, (_, i) => port(`${batch} ${i}`, 'n', '')));
    }
    expect(world.interest.since(scope, 1)).toBeNull();
    expect(world.interest.since(scope, 5)?.length).toBe(5000);
  });
});

/** Any change of a small world in which everything meets everything else. */
function anyChange(): fc.Arbitrary<Change> {
  const pick = (...ids: string[]) => fc.constantFrom(...ids);
  const networks = pick('n1', 'n2', 'n3', 'x1', 'x2');
  const routers = pick('r1', 'r2');
  const groups = pick('g1', 'g2', 'g3');
  const ports = pick('p1', 'p2', 'p3', 'p4', 'p5', 'p6');
  const nodes = pick('a', 'b', 'c');
  const orNull = (arbitrary: fc.Arbitrary<string>) => fc.option(arbitrary, { nil: null });
  const removal = fc
    .oneof(
      fc.tuple(fc.constant<Kind>('network'), networks),
      fc.tuple(fc.constant<Kind>('subnet'), pick('s1', 's2', 's3')),
      fc.tuple(fc.constant<Kind>('router'), routers),
      fc.tuple(fc.constant<Kind>('port'), ports),
      fc.tuple(fc.constant<Kind>('security_group'), groups),
      fc.tuple(fc.constant<Kind>('security_group_rule'), pick('l1', 'l2', 'l3')),
      fc.tuple(fc.constant<Kind>('floatingip'), pick('f1', 'f2')),
      fc.tuple(fc.constant<Kind>('node'), nodes),
    )
    .map(([kind, id]) => gone(kind, id));
  const puts = fc.oneof(
    fc
      .tuple(networks, pick('n1', 'n2'), orNull(routers), orNull(pick('n1', 'n2', 'n3')))
      .map((it) => network(...it)),
    fc.tuple(pick('s1', 's2', 's3'), networks).map((it) => subnet(...it)),
    fc.tuple(routers, orNull(networks), orNull(pick('x1', 'x2'))).map((it) => router(...it)),
    fc
      .tuple(
        ports,
        networks,
        fc.oneof(fc.constant(''), nodes),
        fc.uniqueArray(groups),
        fc.option(routers, { nil: undefined, freq: 4 }),
        fc.oneof({ arbitrary: fc.constant([]), weight: 4 }, fc.uniqueArray(nodes)),
      )
      .map((it) => port(...it)),
    groups.map(group),
    fc.tuple(pick('l1', 'l2', 'l3'), groups, orNull(groups)).map((it) => rule(...it)),
    fc.tuple(pick('f1', 'f2'), pick('x1', 'x2'), orNull(ports)).map((it) => floating(...it)),
    nodes.map(node),
  );
  return fc.oneof({ arbitrary: puts, weight: 4 }, { arbitrary: removal, weight: 1 });
}

const commits = fc.array(fc.array(anyChange(), { minLength: 1, maxLength: 4 }), {
  minLength: 1,
  maxLength: 60,
});

test('deltas, resumed deltas and snapshots all give the scope of the definition', () => {
  fc.assert(
    fc.property(commits, fc.integer({ min: 2, max: 9 }), (steps, every) => {
      const world = new World();
      const told = { a: new Told(), b: new Told() };
      // b hears deltas as they come, a resumes now and then.
      for (const name of ['a', 'b']) world.interest.scope(name);
      let heard = 0;
      for (const changes of steps) {
        const deltas = world.commit(...changes);
        told.b.take(deltas.get('b') ?? []);
        expect(sorted(told.b.held)).toEqual(sorted(expectedOf(world.topology, 'b')));
        if (world.revision % every === 0) {
          told.a.take(world.interest.since(world.interest.scope('a'), heard) ?? []);
          heard = world.revision;
          expect(sorted(told.a.held)).toEqual(sorted(expectedOf(world.topology, 'a')));
        }
      }
      const fresh = new Told();
      fresh.take(world.interest.snapshot(world.interest.scope('c')));
      expect(sorted(fresh.held)).toEqual(sorted(expectedOf(world.topology, 'c')));
      const later = new Interest(world.topology, world.revision);
      const restarted = new Told();
      restarted.take(later.snapshot(later.scope('a')));
      expect(sorted(restarted.held)).toEqual(sorted(expectedOf(world.topology, 'a')));
    }),
    { numRuns: 400, seed: 20230112 },
  );
});

describe('a node that another server told', () => {
  /** What a server that knows no scope tells node a, which held all when these had not changed. */
  const thinned = (topology: Topology, changed: readonly Change[]) => {
    const elsewhere = new Interest(topology, 7);
    return elsewhere.thin(elsewhere.scope('a'), changed);
  };
  const idsIn = (same: Same) =>
    Object.entries(same).flatMap(([kind, ids]) => ids.map((id) => `${kind} ${id}`));

  test('is told what may be otherwise, and of the rest its ids', () => {
    const world = new World();
    const later = [port('p', 'n', 'a', ['g']), subnet('s', 'n')];
    world.commit(network('n', 'n'), network('m', 'm'), group('g'), port('q', 'n', 'a'), ...later);
    const { changes, same } = thinned(world.topology, later);
    // That its group leads to it is news of the port.
    expect(keysIn(changes)).toEqual(['+subnet s', '+security_group g', '+port p']);
    expect(same).toEqual({ network: ['n'], port: ['q'] });
  });

  test('is told all of a VPC that came, and names nothing of one that left', () => {
    const world = new World();
    const moved = [port('p', 'm', 'a'), gone('port', 'q')];
    world.commit(network('n', 'n'), network('m', 'm'), subnet('s', 'm'), ...moved);
    const { changes, same } = thinned(world.topology, moved);
    expect(keysIn(changes)).toEqual(['+network m', '+subnet s', '+port p']);
    expect(same).toEqual({});
  });

  test('holds the scope of the definition after that, whatever has changed', () => {
    fc.assert(
      fc.property(commits, fc.integer({ min: 1, max: 9 }), (steps, every) => {
        const world = new World();
        let held = new Map<string, unknown>();
        let changed: Change[] = [];
        for (const changes of steps) {
          world.commit(...changes);
          changed.push(...changes);
          if (world.revision % every !== 0) continue;
          const thin = thinned(world.topology, changed);
          const kept = new Map(idsIn(thin.same).map((key) => [key, held.get(key)]));
          const told = new Told();
          told.take(thin.changes);
          held = new Map([...kept, ...told.held]);
          expect(kept.size + told.held.size).toBe(held.size);
          expect(sorted(held)).toEqual(sorted(expectedOf(world.topology, 'a')));
          changed = [];
        }
      }),
      { numRuns: 200, seed: 20230112 },
    );
  });
});
