/**
 * What stands between flows in a text that people put together: the marks by which a record of a
 * session, with prompts, headings and prose, is told from a file for ovs-ofctl
 * (docs/decisions/damaged-dumps.md).
 */

/** `[root@node1 ~]# …`, `user@node1:~$ …`, `$ …`, or a command of Open vSwitch by itself. */
const prompt =
  /^\s*(?:\[\S+@[^\]]*\]\s*[#$]?|[\w.-]+@[\w.-]+[: ][^=#$]*[#$]|[$%]\s+\S|(?:sudo\s+)?ov[sn]-\w+(?:\s|$))/;
/** `INPUT(table=0)`, `Table 10:`, what ovn-detrace says of a flow (`* Logical flow: …`), a ruler, a fence of Markdown. */
const heading =
  /^\s*(?:[A-Z][\w .-]*\(\s*\w+\s*=\s*\d+\s*\)|[Tt]able\s+#?\d+\b(?![^:]*=)|\*\s+\S|([-=*~`.])\1\1)/;
/** Four words and more that end as sentences do. */
const sentence = /^\s*(?:[^\s=]+\s+){3,}[^\s=]*[.:;!?…]\s*$/;
/** Letters that the words of a flow do not have, outside quotes. */
const foreign = /^(?:[^"]|"[^"]*")*?[^\p{ASCII}\u00A0-\u00FF\u2000-\u206F"]/u;

/** Whether a line ends what stands before it: no flow goes on in it. */
export function isInterruption(line: string): boolean {
  return prompt.test(line) || heading.test(line) || sentence.test(line) || foreign.test(line);
}

/**
 * Whether a text is a record of a session and not a file for ovs-ofctl: one line suffices that only
 * people and terminals write.
 * @param meant Whether a line is meant as an entry, whatever else stands in it.
 */
export function isRecord(lines: readonly string[], meant: (line: string) => boolean): boolean {
  return lines.some((line) => {
    if (!isInterruption(line)) return false;
    const comment = line.indexOf('#');
    const text = comment < 0 ? line : line.slice(0, comment);
    // A prompt ends in the sign that begins a comment, so it is looked for in the whole line.
    return prompt.test(line) || (isInterruption(text) && !meant(text));
  });
}
