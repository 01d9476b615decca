/** One thing that `hufud check-config` looked at; the form is that of `hufu doctor`. */
export interface ConfigCheck {
  readonly section: 'file' | 'server' | 'email' | 'phone' | 'wechat' | 'notices' | 'metrics' | 'warnings' | 'live'
  /** Stable: scripts look for it. */
  readonly name: string
  readonly state: 'ok' | 'info' | 'warn' | 'fail'
  readonly words: string
  /** What to do, each a line. */
  readonly fix: readonly string[]
}

export const check = (
  section: ConfigCheck['section'],
  name: string,
  state: ConfigCheck['state'],
  words: string,
  fix: readonly string[] = [],
): ConfigCheck => ({ section, name, state, words, fix })
