/** Foreign text made fit for a terminal and for markup: names are whatever a user typed. */

/** Controls move a terminal's cursor, end a document, or turn the order of letters around. */
const HIDDEN =
  // oxlint-disable-next-line no-control-regex
  /[\u0000-\u0008\u000B-\u001F\u007F-\u009F\u200E\u200F\u202A-\u202E\u2066-\u2069\uFFFE\uFFFF]|[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g;

/** Text that can do nothing but be read: what is no letter of a line becomes U+FFFD. */
export const visible = (text: string): string => text.replace(HIDDEN, '\uFFFD');

/** As part of one line. */
export const oneLine = (text: string): string => visible(text.replace(/\s+/g, ' '));

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** As content or quoted attribute value of XML and HTML. */
export const escape = (text: string): string =>
  visible(text).replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
