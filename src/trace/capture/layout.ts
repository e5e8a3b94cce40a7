/**
 * What a capture is: one folder a node, in it one file for each thing that was asked of the node, the
 * tool's own words as they came. `packaging/capture.sh` and `tianchi capture` make it, an engineer
 * may make it by hand, file by file.
 */

/** How FROM and TO are written where nobody named the objects. */
export const END_FORMS =
  'NODE:PORT (its name or ofport), NODE:BRIDGE:OFPORT, an iface-id, a MAC or an address; ,ip=ADDRESS and ,mac=MAC after it say what the capture does not';

/** Whole cloud; beside the folders of the nodes. */
export const TOPOLOGY = 'topology.ndjson';
/** In a node's folder: a folder for each bridge. */
export const BRIDGES = 'bridges';

export interface CapturedFile {
  readonly name: string;
  /** The command whose output it holds; BRIDGE stands for the name of a bridge. */
  readonly command: string;
  /** What is not known without it. */
  readonly lost: string;
}

export const NODE_FILES = {
  interfaces: {
    name: 'interfaces.json',
    command:
      'ovs-vsctl --format=json --columns=name,type,ofport,mac_in_use,link_state,options,external_ids list Interface',
    lost: 'which port a tunnel, a patch or a VM is',
  },
  bridges: {
    name: 'bridges.json',
    command: 'ovs-vsctl --format=json --columns=name,datapath_type,external_ids list Bridge',
    lost: "the node's own numbers of VPCs",
  },
  ports: {
    name: 'ports.json',
    command: 'ovs-vsctl --format=json --columns=name,tag,trunks,vlan_mode list Port',
    lost: 'which VLANs NORMAL takes a port to be in',
  },
  dpif: {
    name: 'dpif.txt',
    command: 'ovs-appctl dpif/show',
    lost: 'names of more than 15 characters',
  },
  routes: {
    name: 'routes.txt',
    command: 'ovs-appctl ovs/route/show',
    lost: 'which interface has the tunnel addresses',
  },
  neighbours: {
    name: 'neighbours.txt',
    command: 'ovs-appctl tnl/neigh/show',
    lost: 'which tunnel neighbours answer',
  },
  addresses: {
    name: 'addresses.txt',
    command: 'ip addr',
    lost: 'the addresses of interfaces that are not in the routes',
  },
  conntrack: {
    name: 'conntrack.txt',
    command: 'ovs-appctl dpctl/dump-conntrack',
    lost: 'which connections stand, and their translations',
  },
} as const satisfies Readonly<Record<string, CapturedFile>>;

export const BRIDGE_FILES = {
  flows: {
    name: 'flows.txt',
    command: 'ovs-ofctl -O OpenFlow13 --no-names dump-flows BRIDGE',
    lost: 'what the bridge does',
  },
  groups: {
    name: 'groups.txt',
    command: 'ovs-ofctl -O OpenFlow15 --no-names dump-groups BRIDGE',
    lost: 'what its groups do',
  },
  ports: {
    name: 'ports.txt',
    command: 'ovs-ofctl -O OpenFlow13 dump-ports-desc BRIDGE',
    lost: 'which ports it has',
  },
  tlvMap: {
    name: 'tlv-map.txt',
    command: 'ovs-ofctl dump-tlv-map BRIDGE',
    lost: 'which options its tunnel metadata are',
  },
  learnt: {
    name: 'fdb.txt',
    command: 'ovs-appctl fdb/show BRIDGE',
    lost: 'which MACs NORMAL has learnt',
  },
} as const satisfies Readonly<Record<string, CapturedFile>>;

/** Files whose absence is worth a word: without the others a trace says the same in most clouds. */
const WANTED: ReadonlySet<CapturedFile> = new Set<CapturedFile>([
  NODE_FILES.interfaces,
  NODE_FILES.routes,
  NODE_FILES.conntrack,
  BRIDGE_FILES.flows,
  BRIDGE_FILES.groups,
  BRIDGE_FILES.ports,
]);

/** Texts of a capture by their path within it, parts joined by `/`. */
export type Texts = ReadonlyMap<string, string>;

/** Something in a file that is not as it should be; counts start at 1. */
export interface Fault {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** What was expected, and what was found. */
  readonly message: string;
}

/** A file that is not there, what is not known for it, and the command that makes it. */
export interface Gap {
  readonly file: string;
  readonly lost: string;
  readonly command: string;
}

/** The gap that `file` leaves in the folder `at`; none for what a trace seldom needs. */
export function gapOf(file: CapturedFile, at: string, bridge = ''): Gap | null {
  if (!WANTED.has(file)) return null;
  const command = file.command.replace('BRIDGE', bridge);
  return { file: `${at}/${file.name}`, lost: file.lost, command };
}
