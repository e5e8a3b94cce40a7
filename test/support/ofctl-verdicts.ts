/** What `ovs-ofctl -O OpenFlow13 parse-flows` makes of many lines, each judged by itself. */
import { spawnSync } from 'node:child_process';

/** A line that is taken, as dump-flows prints it; or the reason why it is not. */
export type Verdict = { readonly printed: string } | { readonly refusal: string };

const together = 48;

/** The words of a flow_mod in the order and the form in which dump-flows has them. */
function verdictOn(flowMod: string): Verdict {
  // Taken from the text, but no switch would take the message that came of it.
  const undone = /\*\*\*decode error: (\w+)\*\*\*/.exec(flowMod)?.[1];
  if (undone !== undefined) return { refusal: undone };
  const parts =
    /^(.*?)(?<settings>(?:(?:cookie:0x[0-9a-f]+|(?:idle|hard|importance):\d+|send_flow_rem|check_overlap|reset_counts|no_packet_counts|no_byte_counts) )*)actions=(?<actions>.*)$/s.exec(
      flowMod.replace(/^OFPT_FLOW_MOD \(OF1\.3\)(?: \(xid=\w+\))?: ADD /, ''),
    );
  if (parts === null) throw new Error(`no flow_mod: ${flowMod}`);
  const [, head = '', settings = '', actions = ''] = parts;
  const table = /^table:(\d+) /.exec(head)?.[1];
  const match = head.replace(/^table:\d+ /, '');
  const setting = (name: string) => new RegExp(`\\b${name}:(\\w+) `).exec(settings)?.[1];
  const [cookie, idle, hard] = ['cookie', 'idle', 'hard'].map(setting);
  const printed = [
    cookie === undefined ? '' : `cookie=${cookie}, `,
    // 255 leaves the choice to the switch, which takes 0.
    table === undefined || table === '255' ? '' : `table=${table}, `,
    idle === undefined ? '' : `idle_timeout=${idle}, `,
    hard === undefined ? '' : `hard_timeout=${hard}, `,
    settings.replaceAll(/\w+:\w+ /g, ''),
    match,
    `actions=${actions}`,
  ].join('');
  return { printed };
}

function run(
  lines: readonly string[],
): { taken: string[] } | { at: number | null; reason: string } {
  const { stdout, stderr, status } = spawnSync(
    'ovs-ofctl',
    ['-O', 'OpenFlow13', '-vconsole:off', 'parse-flows', '-'],
    { input: lines.map((line) => `${line}\n`).join(''), encoding: 'utf8', maxBuffer: 1 << 28 },
  );
  if (status === 0) {
    const taken = stdout.split('\n').filter((line) => line.startsWith('OFPT_FLOW_MOD '));
    if (taken.length !== lines.length)
      throw new Error(`${taken.length} of ${lines.length} came back`);
    return { taken };
  }
  const place = /^ovs-ofctl: -:(\d+): (.*)/m.exec(stderr);
  // What no line is blamed for (OpenFlow 1.3 cannot carry one of them, a crash) has to be searched.
  return place === null
    ? { at: null, reason: stderr.trim() || 'ovs-ofctl ended without a word' }
    : { at: Number(place[1]) - 1, reason: place[2] ?? '' };
}

/** Line by line: one that is blamed is left out, and the rest asked again. */
function judge(lines: readonly string[]): Verdict[] {
  const verdicts: (Verdict | undefined)[] = lines.map(() => undefined);
  const open = [...lines.keys()];
  const settle = (answers: readonly Verdict[]): void =>
    open.forEach((line, index) => (verdicts[line] = answers[index]));
  while (open.length > 0) {
    const asked = open.map((line) => lines[line] ?? '');
    const answer = run(asked);
    if ('taken' in answer) {
      settle(answer.taken.map(verdictOn));
      break;
    }
    const { at, reason } = answer;
    if (at === null) {
      const half = asked.length >> 1;
      settle(
        half === 0
          ? [{ refusal: reason }]
          : [...judge(asked.slice(0, half)), ...judge(asked.slice(half))],
      );
      break;
    }
    const [line] = open.splice(at, 1);
    if (line !== undefined) verdicts[line] = { refusal: reason };
  }
  return verdicts.map((verdict, line) => {
    if (verdict === undefined) throw new Error(`no verdict on ${lines[line]}`);
    return verdict;
  });
}

/** A verdict on each line; comments and blank lines must not be among them. */
export function ofctlVerdicts(lines: readonly string[]): Verdict[] {
  const verdicts: Verdict[] = [];
  for (let from = 0; from < lines.length; from += together) {
    verdicts.push(...judge(lines.slice(from, from + together)));
  }
  return verdicts;
}
