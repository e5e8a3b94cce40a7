import { expect, it } from 'vitest';
import { TABLES } from '../pipeline/tables.ts';
import { noteOf } from './notes.ts';

const row = { bridge: 'br-int', match: 'ip,in_port=1,dl_src=fa:16:3e:00:00:01,nw_src=10.0.0.1' };

it.each(TABLES.map(({ number, name }) => [number, name] as const))(
  'table %i %s is explained, whatever its row does',
  (table) => {
    for (const actions of ['drop', 'goto_table:255', 'ct(commit,zone=1)']) {
      expect(noteOf({ ...row, table, actions })).toMatch(/[.?]$/);
    }
  },
);

it('answers the open questions of the record on the rows where they arise', () => {
  const note = (table: number, match: string, actions: string) =>
    noteOf({ bridge: 'br-int', table, match, actions }) ?? '';
  expect(note(133, '', 'load:0->NXM_OF_IN_PORT[],goto_table:135')).toMatch(
    /never sends a packet out of the port it came in by.*reg12 = reg13/,
  );
  expect(note(133, 'reg12=0x2d,reg13=0x2d', 'drop')).toMatch(/return to the port that sent it/);
  expect(note(101, 'ip,nw_dst=2.1.0.229', 'set_field:178.1.3.6->ip_dst,goto_table:120')).toMatch(
    /From outside to a floating ip/,
  );
  expect(note(105, 'ip,nw_src=178.1.3.0/24,nw_dst=178.1.3.0/24', 'goto_table:110')).toMatch(
    /source and destination, before 110 looks at the destination alone/,
  );
  for (const [source, words] of [
    ['02:00:00:00:00:01', /custom route/],
    ['05:00:00:00:00:00/ff:00:ff:ff:ff:ff', /external gateway/],
    ['04:00:00:00:00:00/ff:00:ff:ff:ff:00', /load balancer/],
  ] as const) {
    expect(note(100, `dl_src=${source}`, 'goto_table:120')).toMatch(words);
  }
  expect(note(0, 'ip,in_port=1,dl_src=fa:16:3e:00:00:01,nw_src=10.0.0.1', '')).toMatch(
    /bit 63 FROM_LOCAL.*bit 60 SECURED/,
  );
  expect(note(0, 'tun_id=0x170b,in_port=1', '')).toMatch(/bit 62 FROM_REMOTE/);
  expect(note(115, 'ip', 'set_field:2.1.0.1->ip_src,goto_table:120')).toMatch(/bit 59 EXTERNAL/);
});
