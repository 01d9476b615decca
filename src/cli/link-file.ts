import { CommandError } from '../commands/command-error.ts'
import { linesOf } from './answers.ts'
import type { Translate } from './messages/catalogue.ts'

/** A one-time link as its file has it. */
export interface GivenLink {
  /** 43 characters of base64url. */
  readonly secret: string
  /** The server that it is for; `undefined` where the file holds the secret alone. */
  readonly origin: string | undefined
}

/** Reads the file that `--link-file` names; once, because stdin gives its line once. @throws {CommandError} */
export type ReadLink = (file: string) => Promise<GivenLink>

const malformed = (file: string, t: Translate) =>
  new CommandError('input_malformed', { source: file, expected: t('expected.link') })

/** `ORIGIN/enrol#SECRET`, or the secret. */
async function parseLink(line: string): Promise<GivenLink | undefined> {
  const [, address, secret] = /^(?:(https?:\/\/\S+)#)?([A-Za-z0-9_-]{43})$/i.exec(line.trim()) ?? []
  if (secret === undefined) return undefined
  if (address === undefined) return { secret, origin: undefined }
  if (!URL.canParse(address)) return undefined
  const { origin, username, password } = new URL(address)
  // What stands before an `@` looks like the server and is not.
  if (username || password) return undefined
  const { parseServerUrl } = await import('../api/server-url.ts')
  return { secret, origin: parseServerUrl(origin) }
}

/** @param onReadable told when others on this machine can read the file */
export function linkReader(t: Translate, onReadable: (file: string) => void): ReadLink {
  let read: Promise<GivenLink | undefined> | undefined
  return async file => {
    read ??= parseLink(linesOf(file, onReadable)() ?? '')
    const link = await read
    if (!link) throw malformed(file, t)
    return link
  }
}
