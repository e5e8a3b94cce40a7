/** Every warn and error line of a server. */
import { sounding, type Alarm } from '../base/alarms.ts';

export const SERVER_ALARMS = {
  agent_refused: {
    level: 'warn',
    message: 'refused an agent',
    meaning:
      'An agent came without a credential, with one that is not on the list or not its own, under a name that another agent is connected with, or with a VTEP address of another node; `err` says which. Its node gets no changes.',
    action:
      'If the node should be served, give its agent the right --credential, --node and --vtep. If nobody expects it, find out who tries.',
  },
  agent_message_invalid: {
    level: 'warn',
    message: 'agent sent a bad message',
    meaning: 'The server cannot read what an agent sent and has cut the link; the agent returns.',
    action:
      'If it repeats, server and agent are of versions that do not fit: bring both to the same one.',
  },
  agent_too_slow: {
    level: 'warn',
    message: 'agent reads too slowly',
    meaning:
      'An agent left 32 MiB unread, and its link has been cut, so that it holds up nobody. It returns and takes what it missed.',
    action: 'Look at the load of the node, and at the network between it and the server.',
  },
  peers_not_told: {
    level: 'error',
    message: 'could not make this server known to the others; trying again',
    meaning:
      'The store does not take the announcement of this server; `err` says how. It serves, but the other servers know nothing of the agents that are connected to it.',
    action: 'Look at the store, and at the network between it and the server.',
  },
  peer_lost: {
    level: 'warn',
    message: 'no link to another server; trying again',
    meaning:
      'The server at `url` counts as one of this store but cannot be reached; `why` says how. Until it can be, or is gone, ports become ACTIVE up to 1 s later, networks join VPCs up to 10 s later, and a node whose agent is away is not marked.',
    action:
      'If that server is meant to run, see that it does, and that servers reach each other at what they --advertise. If it is stopped it is forgotten within seconds.',
  },
  peer_message_invalid: {
    level: 'warn',
    message: 'another server sent a bad message',
    meaning:
      'This server cannot read what another one sent and has cut their link, which is opened again.',
    action: 'If it repeats, the two are of versions that do not fit: bring both to the same one.',
  },
  port_status_not_written: {
    level: 'error',
    message: 'could not write the status of a port',
    meaning:
      'A port is bound, its flows are in, but its status could not be stored; `err` says why. Nova keeps waiting for its VM.',
    action: 'Look at the store: free space, and the lines around this one. Then rebind the port.',
  },
  network_move_not_written: {
    level: 'error',
    message: 'could not take networks to their VPC; trying again',
    meaning:
      'A router joined `networks` to others, or left them, and the next step of that could not be stored; `err` says why. What reached each other before goes on doing so, what the router joins does not yet.',
    action: 'Look at the store: free space, and the lines around this one.',
  },
  agent_mark_not_written: {
    level: 'error',
    message: 'could not write whether an agent is there',
    meaning:
      'An agent came back, or has been away for 75 s, and the node could not be marked so; `err` says why. Ports can be bound to a node that cannot take them, or the other way round.',
    action: 'Look at the store: free space, and the lines around this one.',
  },
  nova_unreachable: {
    level: 'warn',
    message: 'Nova does not take events; trying again',
    meaning:
      'Nova at `url` does not answer, or refuses the service user; `err` says how. The events are kept in the store and sent in their order once it does. Servers that boot meanwhile wait for theirs, 300 s by default.',
    action:
      "See that Nova's API runs and is reached from here, and that the service user of the configuration file has the role service or admin.",
  },
  nova_event_refused: {
    level: 'warn',
    message: 'Nova refuses an event',
    meaning:
      'Nova answered `code` to the event `name` of port `port` for server `server`, which it would do again. The event is dropped; a server that boots and waits for it fails after 300 s.',
    action:
      "Look at Nova's log for the request. Server and Nova may be of versions that do not fit.",
  },
  store_lost: {
    level: 'error',
    message: 'the store is lost; reads are answered with what was known last',
    meaning:
      'The server does not follow its store any more: ZooKeeper is not reached, or has no majority. Reads are marked with `X-Tianchi-Stale`, writes are answered 503. Traffic of VMs goes on. Where other servers reach the store, nothing is lost but this one.',
    action:
      'See that ZooKeeper runs (`zkServer.sh status`), and is reached from here. The server finds it again by itself, and says so with `store_back`.',
  },
  store_back: {
    level: 'warn',
    message: 'the store is back',
    meaning: 'The server knows all that others wrote meanwhile, and takes writes again.',
    action: 'Nothing. Look for the cause of the `store_lost` before it.',
  },
  credentials_unreadable: {
    level: 'error',
    message: 'cannot read the agent credentials; the last list stands',
    meaning:
      'The file of --agent-credentials has changed, and `err` says what is wrong with it. Until it is put right nobody is admitted anew and nobody withdrawn.',
    action: 'Put the line right that it names; the server reads the file again by itself.',
  },
  keystone_unavailable: {
    level: 'error',
    message: 'Keystone does not say whose a token is',
    meaning:
      'Keystone at `url` does not answer, or not as it should; `err` says how. Tokens that were checked within the last minute are still good, all other requests are answered 503. Traffic of VMs goes on.',
    action:
      'See that Keystone runs and is reached from here. When it answers 401 or 403 to log in, put the service user of the configuration file right.',
  },
  listener_failed: {
    level: 'error',
    message: 'a listener of the topology failed',
    meaning: 'A change is stored, but a part of the server fell over it; `err` says where.',
    action: 'Restart the server, and report it with the line.',
  },
  request_failed: {
    level: 'error',
    message: 'request failed',
    meaning: 'The server met something in a request that nobody foresaw, and answered 500.',
    action: 'Report it with the line: `url` and `err` tell what it was.',
  },
} as const satisfies Readonly<Record<string, Alarm>>;

/** Logs an alarm of the server. */
export const sound = sounding<keyof typeof SERVER_ALARMS>(SERVER_ALARMS);
