import type { Context } from '../../../src/cli/context.ts'
import { type Authenticator, type AuthenticatorInfo, CtapError } from '../../../src/hid/index.ts'

const unexpected = (what: string) => () => Promise.reject(new TypeError(`nobody should ${what}`))

/** A CTAP 2.1 key without a PIN. */
export const info = (more: Partial<AuthenticatorInfo> = {}): AuthenticatorInfo => ({
  versions: ['FIDO_2_1', 'FIDO_2_0', 'U2F_V2'],
  extensions: ['credProtect'],
  aaguid: new Uint8Array(16).fill(0xab),
  options: new Map([
    ['rk', true],
    ['clientPin', false],
  ]),
  maxMsgSize: 1200,
  pinUvAuthProtocols: [2, 1],
  maxCredentialCountInList: 8,
  maxCredentialIdLength: 128,
  transports: ['usb'],
  algorithms: [-7, -8],
  minPinLength: 6,
  forcePinChange: false,
  firmwareVersion: 328_707,
  members: new Map(),
  ...more,
})

export const withPin = (more: Partial<AuthenticatorInfo> = {}): AuthenticatorInfo =>
  info({ options: new Map([['clientPin', true]]), ...more })

export const u2fInfo = (): AuthenticatorInfo =>
  info({ versions: ['U2F_V2'], options: new Map(), extensions: [], pinUvAuthProtocols: [], aaguid: new Uint8Array(16) })

/** A key that does what `more` says, and nothing else. */
export const fakeKey = (more: Partial<Authenticator> = {}): Authenticator => ({
  name: 'Tiger',
  path: '/dev/hidraw0',
  protocol: 'ctap2',
  info: info(),
  deviceVersion: [5, 4, 3],
  canWink: true,
  makeCredential: unexpected('make a credential'),
  getAssertion: unexpected('have it sign'),
  nextAssertion: unexpected('have it sign'),
  hasCredential: unexpected('ask for credentials'),
  select: unexpected('make it blink'),
  verifyUser: unexpected('verify the user'),
  pinRetries: async () => ({ left: 8, powerCycleNeeded: false }),
  uvRetries: async () => 5,
  setPin: unexpected('set a PIN'),
  changePin: unexpected('change the PIN'),
  wink: unexpected('make it wink'),
  ping: unexpected('ping it'),
  reset: unexpected('erase it'),
  close: async () => {},
  ...more,
})

export interface Port {
  readonly path: string
  readonly name: string
  /** The key that is found there, or why it can't be opened; nothing: it does not answer. */
  readonly key?: Authenticator | CtapError
}

export const portOf = (key: Authenticator): Port => ({ path: key.path, name: key.name, key })

/** USB ports with these keys in them. `ports` may be changed; `isOpen` tells of sources that nobody closed. */
export function fakePorts(...plugged: Port[]) {
  const ports = [...plugged]
  let open = 0
  const openAuthenticators: Context['openAuthenticators'] = async device => {
    open++
    const here = () => ports.filter(({ path }) => (device ?? path) === path)
    const list = async () => {
      const keys = here().flatMap(({ key }) => (key && !(key instanceof CtapError) ? [key] : []))
      const [error] = here().flatMap(({ key }) => (key instanceof CtapError ? [key] : []))
      if (keys.length === 0 && error) throw error
      return keys
    }
    const source = {
      list,
      watch: unexpected('watch'),
      present: async () => here().map(({ path, name }) => ({ path, name })),
      close: async () => {
        open--
      },
    }
    return source
  }
  return { ports, openAuthenticators, isOpen: () => open > 0 }
}
