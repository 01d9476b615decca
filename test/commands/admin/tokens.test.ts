import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { run as create, type Wanted } from '../../../src/commands/admin/token/create.ts'
import { run as list } from '../../../src/commands/admin/token/list.ts'
import { run as revoke } from '../../../src/commands/admin/token/revoke.ts'
import { createToken, listTokens, revokeToken, type TokenEntry } from '../../../src/contract/admin-tokens.ts'
import { isoTime } from '../../../src/lib/clock.ts'
import { fakeContext, id, now, proof, time } from '../fake-context.ts'

const folder = mkdtempSync(join(tmpdir(), 'hufu-tokens-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const token = `hufu_${'T'.repeat(43)}`
const entry: TokenEntry = {
  id,
  name: 'ci',
  scopes: ['audit', 'rebind'],
  created_by: 'root',
  created_at: time,
  expires_at: isoTime(now + 86_400_000),
  last_used_at: null,
  revoked_at: null,
}
const wanted = (more: Partial<Wanted> = {}): Wanted => ({
  name: 'ci',
  scope: 'rebind,audit',
  expires: '30d',
  output: undefined,
  ...more,
})
const body = { name: 'ci', scopes: ['audit', 'rebind'] as ('audit' | 'rebind')[], lifetime: 30 * 86_400 }

describe('hufu admin token create', () => {
  it('steps up for the sorted scopes; stdout holds the token alone', async () => {
    const { context, api, stdout, stderr, stepUps } = await fakeContext()
    api.expects(createToken, { body, proof }, { token, ...entry })
    await create(context, wanted({ scope: 'rebind, audit,rebind' }))
    expect(stepUps).toEqual(['token.create audit rebind'])
    expect(stdout()).toBe(`${token}\n`)
    expect(stderr()).toContain('✓ The token ci (audit, rebind) works until')
    expect(stderr()).toContain(`hufu admin token revoke ${id}`)
  })

  it('says nothing else with -q', async () => {
    const { context, api, stdout, stderr } = await fakeContext({ terminal: { quiet: true } })
    api.expects(createToken, { body, proof }, { token, ...entry })
    await create(context, wanted())
    expect([stdout(), stderr()]).toEqual([`${token}\n`, ''])
  })

  it('tells JSON the token, and people’s words nothing of it', async () => {
    const { context, api, stdout, stderr } = await fakeContext({ terminal: { json: true } })
    api.expects(createToken, { body, proof }, { token, ...entry })
    await create(context, wanted())
    expect(JSON.parse(stdout())).toEqual({ event: 'result', ok: true, token, ...entry })
    expect(stderr()).not.toContain(token)
  })

  it('writes it into a file of the admin’s own, and nowhere else', async () => {
    const { context, api, stdout, stderr } = await fakeContext()
    const output = join(folder, 'token')
    api.expects(createToken, { body, proof }, { token, ...entry })
    await create(context, wanted({ output }))
    expect([readFileSync(output, 'utf8'), statSync(output).mode & 0o777]).toEqual([`${token}\n`, 0o600])
    expect(stdout() + stderr()).not.toContain(token)
    expect(stderr()).toContain(output)
  })

  it.each([
    ['name', 'NAME'],
    ['scope', '--scope'],
    ['expires', '--expires'],
  ])('names what supplies a missing %s', async (missing, option) => {
    const { context, stepUps } = await fakeContext()
    const refused = create(context, wanted({ [missing]: undefined }))
    await expect(refused).rejects.toMatchObject({ code: 'input_required', options: [option] })
    expect(stepUps).toEqual([])
  })

  it.each([
    [{ name: ' ' }, 'NAME'],
    [{ name: 'x'.repeat(65) }, 'NAME'],
    [{ scope: 'rebind,root' }, '--scope'],
    [{ scope: '' }, '--scope'],
    [{ scope: 'rebind,' }, '--scope'],
    [{ expires: '30' }, '--expires'],
    [{ expires: '0m' }, '--expires'],
    [{ expires: '367d' }, '--expires'],
    [{ expires: 'never' }, '--expires'],
  ])('refuses %j before anybody is asked', async (given, source) => {
    const { context, stepUps } = await fakeContext()
    const refused = create(context, wanted(given))
    await expect(refused).rejects.toMatchObject({ code: 'input_malformed', values: { source } })
    expect(stepUps).toEqual([])
  })
})

describe('hufu admin token list', () => {
  it('tells which still work, and fits 80 columns', async () => {
    const { context, api, stdout } = await fakeContext()
    const tokens = [
      { ...entry, name: 'the one for the night of the great migration\u001b[2J', last_used_at: time },
      { ...entry, name: 'old', expires_at: time },
      { ...entry, name: 'lost', revoked_at: time, created_by: null },
    ]
    api.expects(listTokens, { query: { limit: 50 } }, { tokens, next: `12-${id}` })
    await list(context, { limit: undefined, before: undefined })
    expect(stdout()).toMatch(/the one .*audit, rebind +2026-11-2\d +2026-11-2\d\n/)
    expect(stdout()).toMatch(/old +audit, rebind +expired +never/)
    expect(stdout()).toMatch(/lost +audit, rebind +revoked/)
    expect(stdout()).toContain(`--before 12-${id}`)
    expect(stdout()).not.toContain('\u001b')
    for (const line of stdout().split('\n')) expect(line.length).toBeLessThanOrEqual(80)
  })

  it('may be empty', async () => {
    const { context, api, stdout } = await fakeContext()
    api.expects(listTokens, { query: { limit: 3, before: `12-${id}` } }, { tokens: [], next: null })
    await list(context, { limit: '3', before: `12-${id}` })
    expect(stdout()).toBe('There are no tokens.\n')
  })
})

describe('hufu admin token revoke', () => {
  it.each([
    [true, '✓ The token ci no longer works.\n'],
    [false, 'The token ci was revoked already.\n'],
  ])('changed %s', async (changed, words) => {
    const { context, api, stdout, stepUps } = await fakeContext()
    api.expects(revokeToken, { params: { token_id: id }, proof }, { token_id: id, name: 'ci', changed })
    await revoke(context, { id })
    expect([stdout(), stepUps]).toEqual([words, [`token.revoke ${id}`]])
  })

  it('takes an id, and no token: that is not repeated', async () => {
    const { context, stepUps } = await fakeContext()
    const refused = revoke(context, { id: token })
    await expect(refused).rejects.toMatchObject({ code: 'input_malformed', values: { source: 'ID' } })
    await expect(revoke(context, { id: undefined })).rejects.toMatchObject({ options: ['ID'] })
    expect(stepUps).toEqual([])
  })
})
