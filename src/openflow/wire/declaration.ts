import type { Reader, Writer } from '../../base/bytes.ts';
import type { Message, MessageKind, MessageOf, Version } from './message.ts';

/** Where a kind of message is found: the type of its header, and the type below that. */
export type Place =
  | { readonly type: number }
  /** Parts of a multipart request or reply (OpenFlow 1.4.1 §7.3.5). */
  | { readonly request: number }
  | { readonly reply: number }
  /** Nicira's extensions. */
  | { readonly nicira: number };

/** The message around a body that is written or read. */
export interface Frame {
  readonly version: Version;
  readonly xid: number;
  /** Of a multipart reply. */
  readonly more: boolean;
  readonly inner: Inner;
}

/** Messages inside messages, which bear the same version. */
export interface Inner {
  write(w: Writer, message: Message, xid: number): void;
  read(bytes: Uint8Array): Message;
}

/** One kind of message: where it stands and how its body is written and read. */
export interface MessageWire {
  readonly kind: MessageKind;
  readonly place: Place;
  write(w: Writer, message: Message, frame: Frame): void;
  read(r: Reader, frame: Frame): Message;
}

/** Ties the functions to the kind, then forgets which one it was. */
export function declareMessage<K extends MessageKind>(
  kind: K,
  place: Place,
  write: (w: Writer, message: MessageOf<K>, frame: Frame) => void,
  read: (r: Reader, frame: Frame) => MessageOf<K>,
): MessageWire {
  return {
    kind,
    place,
    write: (w, message, frame) => {
      if (isKind(message, kind)) write(w, message, frame);
    },
    read,
  };
}

function isKind<K extends MessageKind>(message: Message, kind: K): message is MessageOf<K> {
  return message.kind === kind;
}
