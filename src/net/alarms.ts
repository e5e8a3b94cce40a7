/** Every warn and error line of what speaks to a switch and its database. */
import { sounding, type Alarm } from '../base/alarms.ts';

export const SWITCH_ALARMS = {
  switch_unreadable: {
    level: 'warn',
    message: 'the switch sent what cannot be read',
    meaning:
      'A message of the switch on `socket` was not understood and skipped; `err` says why. It may have told of a change that is now missed until the next comparison.',
    action:
      'See whether this version of Open vSwitch is one that is supported, and report the line.',
  },
  switch_complains: {
    level: 'warn',
    message: 'the switch complains',
    meaning:
      'The switch refused something that nobody waits an answer for, such as a packet to send out; `error` is its name for it.',
    action: 'If it repeats, report the line, with the log of ovs-vswitchd of that time.',
  },
  ovsdb_listener_failed: {
    level: 'error',
    message: 'a listener of OVSDB failed',
    meaning: 'A change of the database has been taken in, but a part of the agent fell over it.',
    action: 'Restart the agent (running traffic goes on), and report it with the line.',
  },
} as const satisfies Readonly<Record<string, Alarm>>;

/** Logs an alarm of the connections to a switch. */
export const sound = sounding<keyof typeof SWITCH_ALARMS>(SWITCH_ALARMS);
