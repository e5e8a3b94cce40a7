/**
 * What a process logs so that a person looks. Every line of level warn or error is an alarm: it bears
 * a stable code in its field `alarm`, and what it means and what to do is declared beside it, where
 * docs/alarms.md is made from.
 */
export interface Alarm {
  readonly level: 'warn' | 'error';
  /** The line itself: what happened, without the values, which are fields of the line. */
  readonly message: string;
  /** What it means for the VMs' traffic: sentences. */
  readonly meaning: string;
  /** What to do: sentences. */
  readonly action: string;
}

/** The part of a logger that an alarm needs. */
interface Log {
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** Logs one alarm; `fields` name the objects concerned. */
export type Sound<Code extends string> = (log: Log, alarm: Code, fields?: object) => void;

/** A way to sound the alarms of one catalogue, and no others. */
export function sounding<Code extends string>(alarms: Readonly<Record<Code, Alarm>>): Sound<Code> {
  return (log, alarm, fields = {}) => {
    const { level, message } = alarms[alarm];
    log[level]({ alarm, ...fields }, message);
  };
}
