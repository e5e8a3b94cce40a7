/**
 * The record's own session: its chapters 1 and 2 as commands, its chapters 3 to 5 as traces. Kept
 * as data, so that the demonstration, the tests and the documentation follow one script.
 */
const SENDER_SIDE = [0, 60, 65, 66, 67, 68, 70, 71, 72, 74, 80, 104, 105, 110, 115, 120] as const;
const RECEIVER_SIDE = [133, 135, 140, 148, 150, 151, 152, 154, 155, 159, 160, 165, 180] as const;

/** A place that a packet passes: bridge and table. */
export type Visit = `${string}/${number}`;

const on = (bridge: string, tables: readonly number[]): Visit[] =>
  tables.map((table): Visit => `${bridge}/${table}`);

export const NODES = [
  { name: 'node1', vtep: '10.163.133.43' },
  { name: 'node2', vtep: '10.163.133.42' },
] as const;

export const VMS = [
  {
    name: 'ipv4_yanxia_test1',
    device: '6c8d619f-7131-460f-8756-1d20fd7b746f',
    ip: '178.1.3.2',
    node: 'node1',
  },
  {
    name: 'ipv4_yanxia_test2',
    device: '5ab7f4b4-48aa-4b4f-9c72-3e123a917e8a',
    ip: '178.1.3.3',
    node: 'node1',
  },
  {
    name: 'ipv4_yanxia_test5',
    device: 'f4b4655d-415d-44cb-9d80-16c0398cc6fd',
    ip: '178.1.3.6',
    node: 'node2',
  },
] as const;

export const [VM1, VM2, VM3] = VMS;

/** What the first leg of each trace must look like. */
export const EXPECTED = {
  sameNode: on('node1 br-int', [...SENDER_SIDE, ...RECEIVER_SIDE]),
  acrossNodes: [
    ...on('node1 br-int', SENDER_SIDE),
    ...on('node1 br-phy', [0]),
    ...on('node2 br-phy', [0]),
    ...on('node2 br-int', [0, 100, 101, 120, ...RECEIVER_SIDE]),
  ],
  droppedAtSender: on('node1 br-int', SENDER_SIDE.slice(0, SENDER_SIDE.indexOf(72) + 1)),
  droppedAtReceiver: on('node1 br-int', [
    ...SENDER_SIDE,
    ...RECEIVER_SIDE.slice(0, RECEIVER_SIDE.indexOf(152) + 1),
  ]),
} as const;

/** The four rules of chapter 2: everything, both ways, both families. */
export const RULES = [
  { direction: 'ingress', ethertype: 'IPv4', remote_ip_prefix: '0.0.0.0/0' },
  { direction: 'egress', ethertype: 'IPv4', remote_ip_prefix: '0.0.0.0/0' },
  { direction: 'egress', ethertype: 'IPv6', remote_ip_prefix: '::/0' },
  { direction: 'ingress', ethertype: 'IPv6', remote_ip_prefix: '::/0' },
] as const;
