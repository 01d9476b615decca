/** One thing that `hufu doctor` looked at, and what to do about it. */
export interface Check {
  /** Stable: scripts look for it. */
  readonly name: string
  readonly state: 'ok' | 'warn' | 'fail' | 'info'
  readonly words: string
  /** Commands to type, each a line. */
  readonly fix?: readonly string[]
}
