import { execa } from 'execa'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type EphemeralServer, startEphemeral } from '../support/ephemeral-server.ts'
import { environment, hufuExecutable } from '../support/hufu.ts'
import { freshAddress, freshNumber, Person } from '../support/person.ts'
import { newestUndoSecret, undoSecretIn } from '../support/undo-link.ts'

let server: EphemeralServer
beforeAll(async () => {
  server = await startEphemeral()
})
afterAll(() => server.stop())

async function bind(person: Person, item: 'phone' | 'email', to: string): Promise<void> {
  const { args, env } = await person.answering('password', { bindTo: to })
  const { exitCode, stderr } = await person.hufu(['bind', item, to, ...args], { env })
  expect(exitCode, stderr).toBe(0)
}

it('an address that somebody else replaced is brought back by the link in the old mailbox', async () => {
  const person = await Person.loggedIn(server, { email: freshAddress() })
  const old = person.email ?? ''
  const [phone, thiefs] = [freshNumber(), freshAddress()]
  await bind(person, 'phone', phone)
  const before = await person.item('email')
  const ofPhone = await newestUndoSecret(old, () => server.outbox.messages(old))
  await bind(person, 'email', thiefs)
  expect((await person.item('email')).value).not.toBe(before.value)

  const secret = await newestUndoSecret(old, async () =>
    (await server.outbox.messages(old)).filter(({ text }) => !text.includes(ofPhone)),
  )
  const url = `${server.url}/undo/${secret}`
  expect((await server.outbox.messages(old))[0]?.text).toContain(url)
  for (const to of [thiefs, phone]) {
    expect((await server.outbox.messages(to)).map(({ text }) => undoSecretIn(text))).not.toContain(secret)
  }

  const page = await fetch(url, { headers: { 'accept-language': 'en' } })
  expect(page.status).toBe(200)
  expect(await page.text()).toContain(before.value ?? '-')
  expect((await person.item('email')).value).not.toBe(before.value)

  const done = await fetch(url, { method: 'POST', body: new URLSearchParams({ action: 'undo' }) })
  expect([done.status, await done.text()]).toEqual([200, expect.stringContaining(before.value ?? '-')])
  expect((await person.hufu(['status'])).exitCode).toBe(3)

  const { args, env } = await person.answering('email')
  expect((await person.hufu(['login', person.username, ...args], { env })).exitCode).toBe(0)
  expect((await person.item('email')).value).toBe(before.value)
  expect((await person.item('phone')).set).toBe(true)
  const log = await execa(process.execPath, [hufuExecutable, 'log'], {
    env: environment(person.home, { HUFU_SERVER: server.url }),
    extendEnv: false,
  })
  expect(log.stdout).toContain('Email reverted')

  expect((await fetch(url)).status).toBe(410)
  expect((await fetch(`${server.url}/undo/${ofPhone}`)).status).toBe(200)
  expect(server.log()).not.toContain(secret)
})
