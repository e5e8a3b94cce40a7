/** Captures of other clouds, written as far as a case is about them. */
import { Capture } from '../../src/trace/capture/index.ts';
import { BRIDGE_FILES, NODE_FILES } from '../../src/trace/capture/layout.ts';
import type { Asked } from '../../src/trace/question.ts';
import type { Trace } from '../../src/trace/types.ts';

/** What a node has, as far as a case is about it. */
export interface NodeTexts {
  readonly dpif: string;
  readonly routes?: string;
  readonly neighbours?: string;
  readonly conntrack?: string;
  readonly type?: string;
  readonly ids?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly flows: Readonly<Record<string, readonly string[]>>;
  readonly down?: readonly string[];
  /** What NORMAL has learnt, by bridge. */
  readonly learnt?: Readonly<Record<string, string>>;
  /** name, tag, trunks and vlan_mode of ports that have any. */
  readonly vlans?: readonly (readonly unknown[])[];
}

export const MAC = { a: 'fa:16:3e:00:00:0a', b: 'fa:16:3e:00:00:0b' } as const;
export const ENDS = {
  a: { 'attached-mac': MAC.a, 'ip-address': '10.0.0.10' },
  b: { 'attached-mac': MAC.b, 'ip-address': '10.0.0.11' },
} as const;

const TLV_MAP = `NXT_TLV_TABLE_REPLY (xid=0x2):
 max option space=256 max fields=64

 mapping table:
  class  type  length  match field
 ------  ----  ------  --------------
  0x102  0x80       4  tun_metadata0
`;

/** `name ofport (type: options)` for each port, of each bridge. */
function textsOf(name: string, node: NodeTexts): [string, string][] {
  const { dpif, routes, neighbours, conntrack, flows, ids = {}, down = [], vlans = [] } = node;
  const { learnt = {} } = node;
  const pairs = (map: Readonly<Record<string, string>>) => ['map', Object.entries(map)];
  const headings = [
    'name',
    'type',
    'ofport',
    'mac_in_use',
    'link_state',
    'options',
    'external_ids',
  ];
  const data = [...dpif.matchAll(/^ {4}(\S+) (\d+)\/\S+: \(([^:)]*)(?:: (.*))?\)$/gm)].map(
    ([, port = '', ofport, type = '', options = '']) => [
      port,
      type === 'system' ? '' : type,
      Number(ofport),
      `aa:00:00:00:0${name.slice(-1)}:${String(Number(ofport) % 90).padStart(2, '0')}`,
      down.includes(port) ? 'down' : 'up',
      pairs(
        Object.fromEntries(
          options
            .split(', ')
            .map((pair) => pair.split('='))
            .filter(([key]) => key),
        ),
      ),
      pairs(ids[port] ?? {}),
    ],
  );
  const bridges = {
    headings: ['name', 'datapath_type', 'external_ids'],
    data: [['br-int', node.type ?? '', pairs({})]],
  };
  const texts: [string, string | undefined][] = [
    [`${name}/${NODE_FILES.interfaces.name}`, JSON.stringify({ headings, data })],
    [`${name}/${NODE_FILES.bridges.name}`, JSON.stringify(bridges)],
    [
      `${name}/${NODE_FILES.ports.name}`,
      JSON.stringify({ headings: ['name', 'tag', 'trunks', 'vlan_mode'], data: vlans }),
    ],
    [`${name}/${NODE_FILES.dpif.name}`, dpif],
    [`${name}/${NODE_FILES.routes.name}`, routes],
    [`${name}/${NODE_FILES.neighbours.name}`, neighbours],
    [`${name}/${NODE_FILES.conntrack.name}`, conntrack ?? ''],
    ...Object.entries(flows).flatMap(([bridge, lines]): [string, string][] => [
      [`${name}/bridges/${bridge}/${BRIDGE_FILES.flows.name}`, lines.join('\n')],
      [`${name}/bridges/${bridge}/${BRIDGE_FILES.groups.name}`, ''],
      [`${name}/bridges/${bridge}/${BRIDGE_FILES.tlvMap.name}`, TLV_MAP],
    ]),
    ...Object.entries(learnt).map(([bridge, text]): [string, string] => [
      `${name}/bridges/${bridge}/${BRIDGE_FILES.learnt.name}`,
      text,
    ]),
  ];
  return texts.flatMap(([path, text]) => (text === undefined ? [] : [[path, text]]));
}

export const captureOf = (nodes: Readonly<Record<string, NodeTexts>>): Capture =>
  new Capture(new Map(Object.entries(nodes).flatMap(([name, node]) => textsOf(name, node))));

export const dpif = (bridges: Readonly<Record<string, readonly string[]>>): string =>
  [
    'system@ovs-system: hit:0 missed:0\n',
    ...Object.entries(bridges).map(([bridge, ports]) =>
      [`  ${bridge}:`, `    ${bridge} 65534/1: (internal)`]
        .concat(ports.map((port) => `    ${port}`))
        .map((line) => `${line}\n`)
        .join(''),
    ),
  ].join('');

export function route(address: string, device: string, more = ''): string {
  const [host, link] = address.includes(':') ? [128, '2001:db8::/64'] : [32, '192.0.2.0/24'];
  return `Route Table:\nCached: ${address}/${host} dev ${device} SRC ${address} local\nCached: ${link} dev ${device}${more} SRC ${address}\n`;
}

/** br-int alone: what is for the other goes into the tunnel port 1, what comes out of it to the guest. */
export const overlay = (
  here: 'a' | 'b',
  there: 'a' | 'b',
  send: string,
  receive = '',
): readonly string[] => [
  `in_port=10,dl_src=${MAC[here]},dl_dst=${MAC[there]} actions=${send}output:1`,
  `in_port=1,dl_dst=${MAC[here]}${receive} actions=output:10`,
];

interface Pair {
  readonly tunnel: (peer: string) => string;
  readonly send?: string;
  readonly receive?: string;
  readonly gateway?: string;
  /** What the addresses of the nodes begin with; 1 and 2 follow. */
  readonly link?: string;
}

/** Two nodes whose tunnels leave by an interface of no bridge. */
export const pair = ({ tunnel, send = '', receive = '', gateway = '', link = '192.0.2.' }: Pair) =>
  captureOf({
    n1: {
      dpif: dpif({ 'br-int': [`t 1/2: (${tunnel(`${link}2`)})`, 'tapa 10/3: (system)'] }),
      routes: route(`${link}1`, 'eth9', gateway),
      ids: { tapa: ENDS.a },
      flows: { 'br-int': overlay('a', 'b', send, receive) },
    },
    n2: {
      dpif: dpif({ 'br-int': [`t 1/2: (${tunnel(`${link}1`)})`, 'tapb 10/3: (system)'] }),
      routes: route(`${link}2`, 'eth9', gateway),
      ids: { tapb: ENDS.b },
      flows: { 'br-int': overlay('b', 'a', send, receive) },
    },
  });

const ASKED: Asked = { from: 'n1:tapa', to: 'n2:tapb' };
export const traced = (capture: Capture, asked: Partial<Asked> = {}): Trace =>
  capture.trace({ ...ASKED, ...asked }, 'folder');
