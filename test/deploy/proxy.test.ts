// Two built hufud on one PostgreSQL behind the nginx of deploy/, as docs/operations.md has people set them up.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { AuthenticatorApp } from '../support/authenticator-app.ts'
import { linkFor } from '../support/enrolment-link.ts'
import { type HttpsAnswer, httpsCall } from '../support/https-call.ts'
import { freshHome, hufu, startHufu } from '../support/hufu.ts'
import { lacksNginx, type Nginx, nginxPorts, startNginx } from '../support/nginx.ts'
import { lacksPostgres, type PostgresCluster, startPostgres } from '../support/postgres-cluster.ts'
import { type SeveralHufud, startSeveralHufud } from '../support/several-hufud.ts'
import { until } from '../support/until.ts'

const password = 'behind a reverse proxy'

describe.skipIf([lacksNginx(), lacksPostgres()].includes(true))('hufud behind nginx', () => {
  let postgres: PostgresCluster
  let several: SeveralHufud
  let nginx: Nginx
  beforeAll(async () => {
    postgres = await startPostgres()
    const ports = await nginxPorts()
    several = await startSeveralHufud({ origin: ports.origin, database: postgres.url('hufud') }, 2)
    nginx = await startNginx(ports, several.ports)
  }, 60_000)
  afterAll(async () => {
    await nginx?.close()
    await several?.close()
    await postgres?.close()
  })

  let people = 0
  async function enrol(): Promise<string> {
    const username = `person-${++people}`
    const caller = { source: 'test', client: 'test', locale: 'en' } as const
    const { link_secret } = await several.services.accounts.create({ username }, caller)
    await several.services.credentials.redeemEnrolmentLink(caller, link_secret, password)
    return username
  }

  const environmentOf = () => ({ NODE_EXTRA_CA_CERTS: nginx.caFile, HUFU_PASSWORD: password })

  it('serves hufu through TLS: a login, a link that binds an app, a change, the log', async () => {
    const username = await enrol()
    const home = freshHome()
    const run = (...args: string[]) => hufu(args, { home, env: environmentOf() })
    const login = await run('login', username, '--server', nginx.origin, '--verify', 'password')
    expect(login.exitCode, login.stderr).toBe(0)
    const secret = await linkFor(several.services, username, 'totp')
    const codeFile = join(home, 'code')
    const awaited = `for i in $(seq 200); do test -s '${codeFile}' && exec cat '${codeFile}'; sleep 0.05; done; exit 1`
    const link = `${nginx.origin}/enrol#${secret}\n`
    const binding = startHufu(['bind', 'totp', '--link-file', '-', '--code-command', awaited], {
      home,
      env: environmentOf(),
      input: link,
    })
    const app = new AuthenticatorApp(String((await binding.seen('qr')).secret))
    writeFileSync(codeFile, app.code())
    const bound = await binding.finished
    expect(bound.exitCode, bound.stderr).toBe(0)
    const changed = await hufu(['passwd', '--verify', 'totp'], {
      home,
      env: { ...environmentOf(), HUFU_CODE: app.code(), HUFU_NEW_PASSWORD: 'another password of mine' },
    })
    expect(changed.exitCode, changed.stderr).toBe(0)
    const log = await run('log')
    expect((log.last.events as { action: string }[]).map(({ action }) => action)).toContain('password.change')
    const [session] = (await run('sessions')).last.sessions as { source: string }[]
    expect(session?.source).toBe('127.0.0.1')
  })

  it('sees whence a request comes, whatever it says of itself', async () => {
    const username = await enrol()
    const api = walker(username, '127.0.0.77', { 'x-forwarded-for': '203.0.113.9' })
    await api.logIn()
    const { sessions } = JSON.parse((await api.call('GET', '/v1/sessions')).text)
    expect(sessions.map(({ source }: { source: string }) => source)).toEqual(['127.0.0.77'])
  })

  interface Step {
    readonly what: string
    readonly from: number
    readonly to: number
    readonly status: number
  }
  const steps: Step[] = []

  /** A step had no answer: the person begins anew. */
  class CutOff extends Error {}

  /** Somebody whose every step is a request of its own, by a connection of its own, noted in `steps`. */
  function walker(username: string, localAddress: string, always: Record<string, string> = {}) {
    let session: Record<string, string> = {}
    const call = async (
      method: string,
      path: string,
      { payload, headers = {} }: { payload?: unknown; headers?: Record<string, string> } = {},
    ): Promise<HttpsAnswer> => {
      const from = performance.now()
      const answer = await httpsCall(nginx, path, {
        method,
        headers: { ...always, ...session, ...headers },
        payload,
        localAddress,
      })
      steps.push({ what: `${method} ${path}`, from, to: performance.now(), status: answer.status })
      if (answer.status >= 500) throw new CutOff(String(answer.status))
      return answer
    }
    const answerOf = async (...args: Parameters<typeof call>): Promise<Record<string, string>> =>
      JSON.parse((await call(...args)).text)
    return {
      call,
      async logIn() {
        session = {}
        const { login_id } = await answerOf('POST', '/v1/logins', { payload: { username } })
        const finish = `/v1/logins/${login_id}/finish`
        const { session_secret } = await answerOf('POST', finish, { payload: { method: 'password', password } })
        session = { authorization: `Bearer ${session_secret}` }
      },
      /** A step-up, a binding that is begun and given up, the end of the session: of all methods one. */
      async walk() {
        await this.logIn()
        await call('GET', '/v1/account')
        const { challenge_id } = await answerOf('POST', '/v1/step-up', { payload: { operation: 'totp.bind' } })
        const finish = `/v1/step-up/${challenge_id}/finish`
        const { proof } = await answerOf('POST', finish, { payload: { method: 'password', password } })
        const headers = { 'hufu-proof': proof ?? '' }
        const { binding_id } = await answerOf('POST', '/v1/bindings/totp', { headers })
        await call('POST', `/v1/bindings/${binding_id}/cancel`)
        await call('DELETE', '/v1/sessions?which=current')
      },
    }
  }

  /** Four people who walk until they are told to stop. */
  async function startWalking(network: number) {
    steps.length = 0
    let over = false
    const all: Promise<void>[] = []
    // One after the other, and each with an address of their own: there they are counted.
    for (const host of [1, 2, 3, 4]) {
      const someone = walker(await enrol(), `127.0.${network}.${host}`)
      const walk = async () => {
        while (!over) {
          await someone.walk().catch(error => {
            if (!(error instanceof CutOff)) throw error
          })
        }
      }
      all.push(walk())
    }
    return async () => {
      over = true
      await Promise.all(all)
    }
  }

  /** As soon as nginx tries it again. */
  const servesAgain = (index: number) =>
    until('it serves again', () => several.log(index).includes('"msg":"request"') || undefined)

  const refused = () => steps.filter(({ status }) => status >= 400 && status < 500)
  const failed = () => steps.filter(({ status }) => status >= 500)

  it.each([0, 1])('process %s dies: no step fails but those that were open', async victim => {
    const stopWalking = await startWalking(1 + victim)
    await delay(700)
    const killedAt = performance.now()
    await several.kill(victim)
    const deadAt = performance.now()
    await delay(1500)
    await several.start(victim)
    await servesAgain(victim)
    await stopWalking()
    const cut = steps.filter(({ from, to }) => from < deadAt && to > killedAt)
    expect(failed().filter(step => !cut.includes(step))).toEqual([])
    expect(refused()).toEqual([])
    // Both serve: what one began the other went on with.
    expect(several.log(1 - victim)).toContain('"route":"/v1/bindings/:binding_id/cancel"')
  })

  it('they are restarted one by one, and no step fails but in the very moment of a stop', async () => {
    const stopWalking = await startWalking(3)
    const moments: (readonly [from: number, to: number])[] = []
    for (const index of [0, 1]) {
      await delay(400)
      const from = performance.now()
      await several.stop(index)
      moments.push([from, performance.now()])
      await several.start(index)
      await servesAgain(index)
    }
    await stopWalking()
    // What the kernel had accepted for a process that stopped listening. None that hufud itself had.
    const isLost = ({ status, from, to }: Step) =>
      status === 502 && moments.some(([begun, ended]) => from < ended && to > begun)
    expect(failed().filter(step => !isLost(step))).toEqual([])
    expect(refused()).toEqual([])
  })
})
