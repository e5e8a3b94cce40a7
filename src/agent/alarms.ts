/** Every warn and error line of an agent. */
import { sounding, type Alarm } from '../base/alarms.ts';

export const AGENT_ALARMS = {
  server_lost: {
    level: 'warn',
    message: 'no server; trying again',
    meaning:
      'The link to `server` broke or cannot be made; `why` says how. Where the agent has several servers it goes on to the next. Running traffic goes on with the flows that are in the switch, but changes of the network do not reach this node.',
    action:
      'See whether the server runs and whether this node reaches its address. The agent reconnects by itself: to a server that is there within a second or so, to its only one within 2 s of its return.',
  },
  server_refused: {
    level: 'error',
    message: 'the server refuses this node',
    meaning:
      'The server says in `reason` why it will not serve this node: its credential is missing, of another node or withdrawn, another agent bears its name, or its VTEP address belongs to another node.',
    action:
      'Correct `--credential`, `--node` or `--vtep` of this agent, or stop the other one. The agent asks again every few seconds.',
  },
  server_message_invalid: {
    level: 'error',
    message: 'the server sent a bad message',
    meaning: 'The agent cannot read what it was sent and reconnects to begin anew.',
    action:
      'If it repeats, server and agent are of versions that do not fit: bring both to the same one.',
  },
  switch_change_failed: {
    level: 'error',
    message: 'could not change the switch',
    meaning:
      'The switch did not take a change; `err` names the flow and the reason, `retry` the ms until the next try. What was in the switch before is still there, and running traffic goes on with it.',
    action:
      'See whether ovsdb-server and ovs-vswitchd run. If the switch refuses one flow again and again, report it with the line.',
  },
  drift: {
    level: 'warn',
    message: 'the switch held something else than it should; repaired',
    meaning:
      'Somebody else added, changed or deleted what the agent keeps in the switch; the fields name the objects concerned. It has been put right.',
    action:
      'Find out who else writes to this switch: a person with ovs-ofctl, another controller, a second agent.',
  },
  switch_lost: {
    level: 'warn',
    message: 'no connection to the switch; trying again',
    meaning:
      'ovs-vswitchd does not answer. Without it nothing on this node is forwarded by br-int; the flows come back with it.',
    action:
      'Look at `systemctl status openvswitch-switch` and its log. The agent reconnects and programs the switch by itself.',
  },
  ovsdb_lost: {
    level: 'warn',
    message: 'no connection to the OVSDB server; trying again',
    meaning:
      'Interfaces that are plugged meanwhile are not seen. Traffic of those that are there goes on.',
    action: 'Look at `systemctl status ovsdb-server`. The agent reconnects by itself.',
  },
  interface_twice: {
    level: 'warn',
    message: 'two interfaces name one port; the first stays in service',
    meaning:
      'Another interface of br-int bears the `iface-id` of `port` too. `interface` carries the port; `ignored` carries nothing.',
    action:
      "Take the interface that is not the VM's out with `ovs-vsctl del-port`, or correct its `external_ids:iface-id`.",
  },
  uplink_missing: {
    level: 'error',
    message: 'an uplink cannot be opened; the others carry its traffic',
    meaning:
      'ovs-vswitchd could not open `interface`; `error` says why. With no other uplink no packet leaves this node.',
    action:
      'See whether the interface exists (`ip link`) and is not taken. The agent takes it into service when it appears.',
  },
  vtep_missing: {
    level: 'warn',
    message: "br-phy does not have this node's VTEP address",
    meaning:
      'Tunnels neither leave nor end here: VMs of this node reach each other, and nobody elsewhere. `leadsTo` is where the address leads instead.',
    action:
      'Give br-phy the address: `ip addr add VTEP/PREFIX dev br-phy` and `ip link set br-phy up`, for good in the network configuration of the node.',
  },
  vtep_unrouted: {
    level: 'warn',
    message: 'no route to a VTEP over br-phy',
    meaning:
      'Packets to the VMs of that node are dropped by the tunnel. `leadsTo` is where the address leads instead.',
    action: 'Add a route to `vtep` by br-phy, or correct the `--vtep` of that node.',
  },
  vtep_silent: {
    level: 'warn',
    message: 'a tunnel neighbour does not answer',
    meaning:
      'Nobody answers ARP for `address`, so packets to the nodes with these `vteps` are dropped by the tunnel.',
    action:
      'See whether that node is up, and whether the VLAN of the underlay reaches it. The agent keeps asking.',
  },
  strange_questions: {
    level: 'warn',
    message: 'VMs ask their network for what they should not',
    meaning:
      'Packets came to the agent that no VM has reason to send, or in a form that is none; `counts` says what has come so far. They are not answered.',
    action:
      'A VM of this node probes its network, or its software has a fault. `tianchi flows dump --node NODE` shows by n_packets of table 0 which port it is.',
  },
  revocation_failed: {
    level: 'warn',
    message: 'could not look for revoked connections again',
    meaning:
      'Connections that only a removed rule allowed may go on for now; `err` says why. The agent tries again.',
    action: 'See whether ovs-vswitchd answers: `ovs-appctl dpctl/show`.',
  },
  holds_full: {
    level: 'warn',
    message: 'more connections were revoked than can be held back',
    meaning:
      'A removed rule ended more connections of `port` than the switch takes rows for. All were forgotten; of `notHeld` of them one can begin again when the VM itself goes on sending in it and its other rules allow that.',
    action:
      'See what the VM does with so many connections. Whoever must be cut off for sure: restart the VM, or take its egress rules away too.',
  },
} as const satisfies Readonly<Record<string, Alarm>>;

/** Logs an alarm of the agent. */
export const sound = sounding<keyof typeof AGENT_ALARMS>(AGENT_ALARMS);
