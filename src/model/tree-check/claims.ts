/** Whether the claims in a tree are those that its objects make: all of them, each once, no other. */
import { Failure } from '../../base/failure.ts';
import { claimsOf, type Claim } from '../claims.ts';
import type { Topology } from '../topology.ts';
import { prefixesPath } from '../tree.ts';
import { named, type Report } from './finding.ts';
import { KINDS } from './forms.ts';
import type { ReadTree } from './read.ts';

/** What a claim is called, by the form of its path; `$1` … are its groups. */
const NAMES: readonly (readonly [path: RegExp, name: string])[] = [
  [/\/vnis\/..\/([^/]+)$/, 'VNI $1'],
  [/\/vteps\/..\/([^/]+)$/, 'VTEP $1'],
  [/\/networks(?:_v2)?\/..\/([^/]+)\/macs\/..\/([^/]+)$/, 'MAC $2 of network $1'],
  [/\/subnets\/..\/([^/]+)\/allocations\/..\/([^/]+)$/, 'address $2 of subnet $1'],
  [/\/allocations\/..\/([^/]+)\/floatingip$/, 'the floating ip of address $1'],
  [/\/allocations\/..\/([^/]+)\/interface$/, "the router's interface at gateway $1"],
  [/\/usage\/..\/([^/]+)\/([^/]+)\/..\/([^/]+)$/, 'slot $3 of the $2 quota of project $1'],
  [/\/grants\/..\/([^/]+)$/, 'right $1'],
  [/\/default_network$/, 'the place of the default external network'],
  [/\/default_groups\/..\/([^/]+)$/, 'the place of the default group of project $1'],
  [/\/default_subnetpools\/..\/(.)$/, 'the place of the default subnet pool for IPv$1'],
  [/\/auto_networks\/..\/([^/]+)$/, 'the place of the auto-allocated network of project $1'],
  [/\/networks\/..\/([^/]+)\/prefixes$/, 'the prefixes of VPC $1'],
  [/\/networks\/..\/([^/]+)\/router$/, 'the place of the router of VPC $1'],
  [/\/networks\/..\/([^/]+)\/external$/, 'the mark of external network $1'],
  [/\/external\/users\/..\/([^/]+)$/, "the external network's user $1"],
  [/\/routers\/..\/([^/]+)\/gateway$/, 'the gateway of router $1'],
  [/\/gateway\/users\/..\/([^/]+)$/, "the gateway's user $1"],
  [/\/routers\/..\/([^/]+)\/second_layer\/..\/([^/]+)$/, 'network $2 at router $1'],
  [/\/routers\/..\/([^/]+)\/interfaces\/..\/([^/]+)$/, 'interface $2 of router $1'],
  [/\/subnetpools\/..\/([^/]+)\/subnets\/..\/([^/]+)$/, 'subnet $2 of subnet pool $1'],
  [/\/address_scopes\/..\/([^/]+)\/pools\/..\/([^/]+)$/, 'subnet pool $2 of address scope $1'],
  [/\/security_groups\/..\/([^/]+)\/ports\/..\/([^/]+)$/, 'port $2 of security group $1'],
  [/\/security_groups\/..\/([^/]+)\/rule_keys\/..\/([^/]+)$/, 'rule $2 of security group $1'],
  [/_groups\/..\/([^/]+)\/referrers\/..\/([^/]+)$/, 'rule $2 that names group $1'],
];

function nameOf(path: string): string {
  for (const [form, name] of NAMES) {
    const found = form.exec(path);
    if (found !== null) return name.replace(/\$(\d)/g, (_, group: string) => found[+group] ?? '');
  }
  return path;
}

interface Owned {
  readonly owner: string;
  /** null: what two objects want. */
  readonly value: string | null;
}

/** A VPC's prefixes are written with every subnet of it, not by the network that claims them. */
function prefixesOf(topology: Topology, vpc: string): string {
  const cidrs = [...topology.find('subnet.by_vpc', vpc)].map(
    (id) => topology.get('subnet', id)?.cidr ?? '',
  );
  return JSON.stringify([...new Set(cidrs)].sort());
}

function wanted({ topology, unread }: ReadTree, report: Report): Map<string, Owned> {
  const all = new Map<string, Owned>();
  const add = (owner: string, { path, value }: Claim): void => {
    const other = all.get(path);
    if (other === undefined) all.set(path, { owner, value });
    else {
      report('Duplicate', path, `${nameOf(path)} is held by both ${other.owner} and ${owner}`);
      all.set(path, { owner, value: null });
    }
  };
  for (const kind of KINDS) {
    for (const object of topology.all(kind)) {
      try {
        for (const claim of claimsOf(kind, object, topology)) add(named(kind, object.id), claim);
      } catch (error) {
        // What it names is missing, which its references tell.
        if (!(error instanceof Failure)) throw error;
        unread.add(object.id);
      }
    }
  }
  for (const { id, vni } of topology.all('network')) {
    const path = prefixesPath(id);
    const owned = all.get(path);
    if (vni !== null && owned) all.set(path, { ...owned, value: prefixesOf(topology, id) });
  }
  return all;
}

/** Whether a claim may be of an object that cannot be read: it names it, or lies below it. */
const mayBeOf = (path: string, value: string, unread: ReadonlySet<string>): boolean => {
  if (unread.size === 0) return false;
  const words = [...path.split(/[/:]/), ...(value.match(/[^"{}[\],:\s]+/g) ?? [])];
  return words.some((word) => unread.has(word));
};

/** Compares the claims in the tree with those of its objects. */
export function checkClaims(tree: ReadTree, report: Report): void {
  const missing = wanted(tree, report);
  for (const [path, value] of tree.claims) {
    const claim = missing.get(path);
    missing.delete(path);
    const what = nameOf(path);
    if (claim === undefined) {
      if (mayBeOf(path, value, tree.unread)) continue;
      const message = `${what} is taken by ${value}, which does not have it`;
      report('ClaimOrphan', path, message, { op: 'delete', path });
    } else if (claim.value !== null && claim.value !== value) {
      const message = `${what} says ${value}; of ${claim.owner} it must say ${claim.value}`;
      report('ClaimWrong', path, message, { op: 'set', path, value: claim.value });
    }
  }
  for (const [path, { owner, value }] of missing) {
    const message = `${owner} has ${nameOf(path)} without its claim: another may take it`;
    const fix = value === null ? undefined : ({ op: 'create', path, value } as const);
    report('ClaimMissing', path, message, fix);
  }
}
