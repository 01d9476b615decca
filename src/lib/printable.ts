// Text from a server, a key or a file may carry escape sequences that move the cursor, retitle the window or rewrite
// what is on the screen, and bidirectional controls that reorder it. People see such text only through this filter.

const escapeSequence =
  /\u001b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\u0007\u001b\u009c]*(?:\u0007|\u001b\\|\u009c)?|[ -/]*[0-~])/g
const control = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g

/** `text` without escape sequences, C0/C1 controls and bidirectional controls; line feeds and tabs become blanks. */
export const printable = (text: string): string =>
  text
    .replace(escapeSequence, '')
    .replace(/[\n\t]+/g, ' ')
    .replace(control, '')
