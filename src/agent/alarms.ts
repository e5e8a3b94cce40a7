/** Every warn and error line of an agent. */
import { sounding, type Alarm } from '../base/alarms.ts';

export const AGENT_ALARMS = {
  server_lost: {
    level: 'warn',
    message: 'no server; trying again',
    meaning:
      'The link to the server broke or cannot be made; `why` says how. Running traffic goes on with the flows that are in the switch, but changes of the network do not reach this node.',
    action:
      'See whether the server runs and whether this node reaches its address. The agent reconnects by itself within 10 s of its return.',
  },
  server_refused: {
    level: 'error',
    message: 'the server refuses this node',
    meaning:
      'The server took the link and says in `reason` why it will not serve this node: another agent bears its name, or its VTEP address belongs to another node.',
    action: 'Stop the other agent, or correct --node or --vtep of this one.',
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
} as const satisfies Readonly<Record<string, Alarm>>;

/** Logs an alarm of the agent. */
export const sound = sounding<keyof typeof AGENT_ALARMS>(AGENT_ALARMS);
