/**
 * The conversation of an agent and a server, JSON messages over one WebSocket. The server sends a
 * snapshot or what changed since the revision that the agent still holds (of this server or another), only for the VPCs with a
 * port on that node; the agent reports what it has plugged and which revision its switch holds.
 */
import type { Change, Kind, NodeDatapath } from './objects.ts';

/** What a node is told of, in an order in which no object names one that is yet to come. */
export const STREAMED_KINDS = [
  'node',
  'network',
  'subnet',
  'router',
  'address_group',
  'security_group',
  'security_group_rule',
  'port',
  'floatingip',
] as const satisfies readonly Kind[];

/** What a node's own allocator gave a plugged port. */
export interface Plugged {
  readonly port_id: string;
  /** 1 … 65535, unique on the node. */
  readonly vid: number;
  readonly ofport: number;
  readonly interface: string;
}

export type AgentMessage =
  | {
      readonly type: 'hello';
      readonly node: string;
      readonly vtep: string;
      /** The revision the agent's topology is at, null when it has none. */
      readonly revision: number | null;
      /** The `store` of the welcome that `revision` belongs to, null when it has none. */
      readonly store: string | null;
      /** What its switch is; left out by agents that do not tell. */
      readonly datapath?: NodeDatapath;
      /** It takes snapshots that leave out what it holds. */
      readonly thin?: true;
      /** It takes what a server has that has lost its store: all of its servers have. */
      readonly stale?: true;
    }
  /**
   * The switch holds all of `revision`. `plugged` are the ports that are plugged anew or differently
   * since the last report, `unplugged` those that no longer are; the first report on a link tells of
   * all that are plugged.
   */
  | {
      readonly type: 'applied';
      readonly revision: number;
      readonly plugged?: readonly Plugged[];
      readonly unplugged?: readonly string[];
      readonly networkIds?: Readonly<Record<string, number>>;
      /** By bridge, how many its switch holds for that revision. */
      readonly flows?: Readonly<Record<string, number>>;
      readonly epoch: number;
    }
  | { readonly type: 'answer'; readonly id: number; readonly result: unknown }
  | { readonly type: 'answer'; readonly id: number; readonly error: string };

/** Ids by kind. */
export type Same = Readonly<Partial<Record<Kind, readonly string[]>>>;

export type ServerMessage =
  | { readonly type: 'welcome'; readonly store: string }
  /** The hello is not accepted, and the link closes; one sentence says why. */
  | { readonly type: 'refused'; readonly reason: string }
  /**
   * All that is in scope: what the agent holds beyond it is gone. `same`, by kind, is what it holds
   * as it is by the revision of its hello.
   */
  | {
      readonly type: 'snapshot';
      readonly revision: number;
      readonly changes: readonly Change[];
      readonly same?: Same;
    }
  | { readonly type: 'delta'; readonly revision: number; readonly changes: readonly Change[] }
  /** Nothing in scope has changed up to this revision beyond what was told. */
  | { readonly type: 'current'; readonly revision: number }
  | { readonly type: 'query'; readonly id: number; readonly query: AgentQuery };

/** Asked on behalf of a user: what the node's switch holds now. */
export type AgentQuery = {
  readonly what: 'flows' | 'groups' | 'ports' | 'neighbours' | 'conntrack';
  readonly bridge: string;
  /** Answer `{generation, unchanged: true}` when the bridge is still at this generation. */
  readonly generation?: number;
};

/**
 * Text in the form of `ovs-ofctl`; `generation` grows whenever flows, groups or ports change.
 * `neighbours`: of each VTEP that the node sends to a line `IP MAC`, or `IP -` while nobody answers
 * for it; the bridge is the one that tunnels leave by. `conntrack`: `ovs-appctl dpctl/dump-conntrack`
 * of the datapath that the bridge is of.
 */
export type AgentDump =
  | { readonly generation: number; readonly text: string }
  | { readonly generation: number; readonly unchanged: true };
