import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ApiClient } from '../../src/api/client.ts'
import { listEvents, type Overview, type SecurityEvent } from '../../src/contract/account.ts'
import { createAccount } from '../../src/contract/admin.ts'
import {
  beginEmailBinding,
  beginPhoneBinding,
  beginTotpBinding,
  beginWebAuthnBinding,
  finishCodeBinding,
  finishWebAuthnBinding,
} from '../../src/contract/bindings.ts'
import { createRecoveryCodes, redeemEnrolmentLink } from '../../src/contract/credentials.ts'
import type { StepUpOperation, VerificationMethod } from '../../src/contract/schemas.ts'
import { apiClient, prove, webauthnClient } from './api-member.ts'
import { AuthenticatorApp } from './authenticator-app.ts'
import type { EphemeralServer } from './ephemeral-server.ts'
import { freshHome, type HufuOptions, type HufuRun, hufu, type RunningHufu, startHufu } from './hufu.ts'

let people = 0
let numbers = 0
let addresses = 0

const codeCommand = `node '${new URL('code-command.mjs', import.meta.url).pathname}'`

/** A mobile number that nobody in this file has yet. */
export const freshNumber = (): string => `+86138${String(++numbers).padStart(8, '0')}`
/** Masked, too, it is another than the one before. */
export const freshAddress = (): string => `new-${randomBytes(4).toString('hex')}-${++addresses}@example.org`

/** Where a command finds the codes that it is asked for. */
export interface CodesGiven {
  /** The address or number that a code for a new binding goes to. */
  readonly bindTo?: string | undefined
  /** The file that a code for a new app is written to. */
  readonly bindFile?: string | undefined
}

/** What is known of somebody's account when it is made; a user name and a password are made up where they are left out. */
export interface Given {
  readonly username?: string
  readonly password?: string
  readonly email?: string
  readonly phone?: string
}

/** What somebody sees of an account server, and of the world around it. */
export type PersonServer = Pick<EphemeralServer, 'url' | 'adminToken' | 'outbox' | 'securityKey'>

/** Somebody with an account, a home folder, a phone and a mailbox. */
export class Person {
  readonly server: PersonServer
  readonly username: string
  readonly home = freshHome()
  password = `first password ${randomBytes(6).toString('hex')}`
  email: string | undefined
  phone: string | undefined
  app: AuthenticatorApp | undefined
  recoveryCodes: string[] = []

  constructor(server: PersonServer, username: string) {
    this.server = server
    this.username = username
  }

  /** An account that an admin made, with a password that its owner set, not logged in. */
  static async enrol(server: PersonServer, given: Given = {}): Promise<Person> {
    const person = new Person(server, given.username ?? `person-${++people}-${randomBytes(3).toString('hex')}`)
    person.password = given.password ?? person.password
    const admin = apiClient(server.url, { serviceCredential: server.adminToken })
    const { link_secret } = await admin.call(createAccount, {
      body: {
        username: person.username,
        ...(given.email ? { email_address: given.email } : {}),
        ...(given.phone ? { phone_number: given.phone } : {}),
      },
    })
    await admin.call(redeemEnrolmentLink, { body: { link_secret, new_password: person.password } })
    await admin.close()
    person.email = given.email
    person.phone = given.phone
    return person
  }

  /** As `enrol`, and logged in by `hufu login`. */
  static async loggedIn(server: PersonServer, given: Given = {}): Promise<Person> {
    const person = await Person.enrol(server, given)
    const { exitCode, stderr } = await person.hufu(['login', person.username, '--verify', 'password'])
    if (exitCode !== 0) throw new Error(stderr)
    return person
  }

  /** The session that `hufu login` left in the file of logins, for calls past the command line. */
  api(): ApiClient {
    return apiClient(this.server.url, { sessionSecret: this.sessionSecret() })
  }

  sessionSecret(): string | undefined {
    const file = readFileSync(join(this.home, 'config', 'hufu', 'logins.json'), 'utf8')
    return /"sessionSecret":\s*"([^"]+)"/.exec(file)?.[1]
  }

  /** Where `file` puts a file. */
  path(name: string): string {
    return join(this.home, name)
  }

  /** Writes a file that only this person can read, and returns its path. */
  file(name: string, text: string): string {
    writeFileSync(this.path(name), text, { mode: 0o600 })
    return this.path(name)
  }

  /** A `--code-command` that waits, with an end, for `file(name, code)`. */
  commandAwaiting(name: string): string {
    const path = this.path(name)
    return `for i in $(seq 300); do test -s '${path}' && exec cat '${path}'; sleep 0.05; done; exit 1`
  }

  /** Environment by which a `--code-command` finds the next code of each kind. */
  async codeSources({ bindTo, bindFile }: CodesGiven = {}): Promise<Record<string, string>> {
    const { outbox } = this.server
    const sources: Record<string, unknown> = { outbox: outbox.url }
    const mailed = async (to: string) => ({ to, after: await outbox.codeCount(to) })
    for (const purpose of ['login', 'step_up']) {
      if (this.email) sources[`${purpose}:email`] = await mailed(this.email)
      if (this.phone) sources[`${purpose}:phone`] = await mailed(this.phone)
    }
    if (bindTo) sources[`bind:${bindTo.includes('@') ? 'email' : 'phone'}`] = await mailed(bindTo)
    if (bindFile) sources['bind:totp'] = { file: bindFile }
    return { CODE_SOURCES: JSON.stringify(sources) }
  }

  /**
   * Options and environment that answer `method`, for a login or a step-up, and that supply the code for what is bound.
   * @param device of the security key; the server's own when left out
   */
  async answering(
    method: VerificationMethod,
    codes: CodesGiven = {},
    device = this.server.securityKey,
  ): Promise<{ args: string[]; env: Record<string, string> }> {
    const args = ['--verify', method, '--code-command', codeCommand]
    const env = await this.codeSources(codes)
    if (method === 'password') args.push('--password-file', this.file('password', `${this.password}\n`))
    if (method === 'webauthn') args.push('--device', device)
    if (method === 'totp') env.HUFU_CODE = this.app?.code() ?? ''
    if (method === 'recovery') env.HUFU_CODE = this.recoveryCodes.shift() ?? ''
    return { args, env }
  }

  private options({ env = {}, ...rest }: HufuOptions): HufuOptions {
    return { home: this.home, ...rest, env: { HUFU_SERVER: this.server.url, HUFU_PASSWORD: this.password, ...env } }
  }

  /** Starts hufu as this person. Their password is in the environment, unless `env` says otherwise. */
  start(args: readonly string[], options: HufuOptions = {}): RunningHufu {
    return startHufu(args, this.options(options))
  }

  /** Runs hufu as this person; none of their secrets may be told. */
  async hufu(args: readonly string[], options: HufuOptions = {}): Promise<HufuRun> {
    const run = await hufu(args, this.options(options))
    this.verifyNothingTold(run)
    return run
  }

  verifyNothingTold({ stdout, stderr }: Pick<HufuRun, 'stdout' | 'stderr'>): void {
    for (const secret of [this.password, this.sessionSecretIfAny()]) {
      if (secret && (stdout + stderr).includes(secret)) throw new Error(`a secret was told: ${stdout}${stderr}`)
    }
  }

  private sessionSecretIfAny(): string | undefined {
    try {
      return this.sessionSecret()
    } catch {
      return undefined
    }
  }

  /** `hufu status --json`. */
  async status(): Promise<Overview> {
    const { exitCode, last, stderr } = await this.hufu(['status'])
    if (exitCode !== 0) throw new Error(stderr)
    return last as unknown as Overview
  }

  async item(name: string): Promise<Overview['items'][number]> {
    const { items } = await this.status()
    const found = items.find(({ item }) => item === name)
    if (!found) throw new Error(`no ${name} on the page`)
    return found
  }

  /** The entries of this account's log with this action, the newest first. */
  logged(action: string): Promise<SecurityEvent[]> {
    return this.calling(async api => {
      const { events } = await api.call(listEvents, { query: { limit: 200 } })
      return events.filter(event => event.action === action)
    })
  }

  provenByPassword(api: ApiClient, operation: StepUpOperation, value?: string): Promise<string> {
    return prove(api, operation, { method: 'password', password: this.password }, value)
  }

  /** Calls `work` with this person's session. */
  async calling<T>(work: (api: ApiClient) => Promise<T>): Promise<T> {
    const api = this.api()
    try {
      return await work(api)
    } finally {
      await api.close()
    }
  }

  /** Binds or replaces past the command line, which other tests prove. */
  bindPhone(number: string): Promise<void> {
    return this.calling(async api => {
      const before = await this.server.outbox.codeCount(number)
      const proof = await this.provenByPassword(api, 'phone.bind')
      const { binding_id } = await api.call(beginPhoneBinding, { body: { phone_number: number }, proof })
      const code = await this.server.outbox.latestCode(number, before)
      await api.call(finishCodeBinding, { params: { binding_id }, body: { code } })
      this.phone = number
    })
  }

  bindEmail(address: string): Promise<void> {
    return this.calling(async api => {
      const before = await this.server.outbox.codeCount(address)
      const proof = await this.provenByPassword(api, 'email.bind')
      const { binding_id } = await api.call(beginEmailBinding, { body: { email_address: address }, proof })
      const code = await this.server.outbox.latestCode(address, before)
      await api.call(finishCodeBinding, { params: { binding_id }, body: { code } })
      this.email = address
    })
  }

  bindApp(): Promise<AuthenticatorApp> {
    return this.calling(async api => {
      const proof = await this.provenByPassword(api, 'totp.bind')
      const { binding_id, secret } = await api.call(beginTotpBinding, { proof })
      const app = new AuthenticatorApp(secret)
      await api.call(finishCodeBinding, { params: { binding_id }, body: { code: app.code() } })
      this.app = app
      return app
    })
  }

  bindKey(key_name: string, device = this.server.securityKey): Promise<void> {
    return this.calling(async api => {
      const proof = await this.provenByPassword(api, 'webauthn.bind')
      const { binding_id, options } = await api.call(beginWebAuthnBinding, { body: { key_name }, proof })
      const credential = await webauthnClient(this.server.url, device).create(options)
      await api.call(finishWebAuthnBinding, { params: { binding_id }, body: { credential } })
    })
  }

  makeRecoveryCodes(): Promise<void> {
    return this.calling(async api => {
      const proof = await this.provenByPassword(api, 'recovery_codes.create')
      this.recoveryCodes = (await api.call(createRecoveryCodes, { proof })).codes
    })
  }
}
