import { existsSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { settingNames } from '../../src/server/config/secret-names.ts'

interface Service {
  readonly image: string
  readonly user?: string
  readonly read_only?: boolean
  readonly cap_drop?: readonly string[]
  readonly security_opt?: readonly string[]
  readonly privileged?: boolean
  readonly ports?: readonly string[]
  readonly command?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  readonly secrets?: readonly string[]
  readonly volumes?: readonly string[]
  readonly networks: readonly string[] | Readonly<Record<string, { readonly ipv4_address?: string } | null>>
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>
  readonly healthcheck?: { readonly test: readonly string[] }
  readonly restart?: string
}

const deploy = new URL('../../deploy/', import.meta.url)
const read = (name: string) => readFileSync(new URL(name, deploy), 'utf8')
const compose = parse(read('compose.yaml'), { merge: true }) as {
  readonly services: Readonly<Record<string, Service>>
  readonly networks: Readonly<Record<string, { readonly internal?: boolean }>>
  readonly volumes: Readonly<Record<string, unknown>>
  readonly secrets: Readonly<Record<string, { readonly file: string }>>
}
const services = Object.entries(compose.services)
const processes = services.filter(([name]) => /^hufud-\d$/.test(name))
const addressOf = ({ networks }: Service, name: string) =>
  Array.isArray(networks)
    ? undefined
    : (networks as Exclude<Service['networks'], readonly string[]>)[name]?.ipv4_address
const networksOf = ({ networks }: Service) => (Array.isArray(networks) ? networks : Object.keys(networks))

test('every service is without root, without capabilities, and writes nowhere but where it must', () => {
  for (const [name, service] of services) {
    expect(service.user, name).toMatch(/^[1-9]\d*:[1-9]\d*$/)
    expect(service.read_only, name).toBe(true)
    expect(service.cap_drop, name).toEqual(['ALL'])
    expect(service.security_opt, name).toEqual(['no-new-privileges:true'])
    expect(service.privileged, name).toBeUndefined()
    expect(service.image, name).toMatch(/^[a-z]+:[\w.-]+$/)
  }
})

test('nothing but the proxy is to be reached from outside, and the database from nowhere but hufud', () => {
  expect(services.filter(([, { ports }]) => ports).map(([name]) => name)).toEqual(['proxy'])
  expect(compose.services.proxy?.ports).toEqual(['443:443', '80:80'])
  expect(compose.networks.database?.internal).toBe(true)
  expect(services.filter(([, service]) => networksOf(service).includes('database')).map(([name]) => name)).toEqual([
    'postgres',
    'migrate',
    'hufud-1',
    'hufud-2',
    'hufud-3',
  ])
})

test('each starts when what it needs is there: the database, the schema, the processes', () => {
  const conditions = (name: string) =>
    Object.entries(compose.services[name]?.depends_on ?? {}).map(([on, { condition }]) => `${on} ${condition}`)
  expect(conditions('migrate')).toEqual(['postgres service_healthy'])
  expect(compose.services.migrate).toMatchObject({ command: ['migrate'], restart: 'no' })
  expect(processes).toHaveLength(3)
  for (const [name] of processes) expect(conditions(name)).toEqual(['migrate service_completed_successfully'])
  expect(conditions('proxy')).toEqual(processes.map(([name]) => `${name} service_healthy`))
})

test('all that serve are looked after', () => {
  for (const [name, { healthcheck, restart, command }] of services) {
    if (command?.[0] === 'migrate') continue
    expect(healthcheck?.test[0], name).toBe('CMD')
    expect(restart, name).toBe('unless-stopped')
  }
  for (const [, { healthcheck }] of processes) expect(healthcheck?.test.join(' ')).toContain('/readyz')
})

test('secrets are files, which nobody finds in an environment', () => {
  for (const [name, { environment = {}, secrets = [] }] of services) {
    for (const [variable, value] of Object.entries(environment)) {
      if (/PASSWORD|SECRET|KEY|TOKEN|DATABASE$/.test(variable)) {
        expect([name, variable]).toEqual([name, expect.stringMatching(/_FILE$/)])
      }
      if (!variable.endsWith('_FILE')) continue
      const [, secret = ''] = /^\/run\/secrets\/(\w+)$/.exec(value) ?? []
      expect(secrets, `${name} ${variable}`).toContain(secret)
    }
  }
  for (const { file } of Object.values(compose.secrets)) expect(file).toMatch(/^\.\/secrets\//)
  expect(readFileSync(new URL('../../.gitignore', import.meta.url), 'utf8').split('\n')).toEqual(
    expect.arrayContaining(['deploy/secrets', 'deploy/tls', 'deploy/hufud.yaml']),
  )
})

test('hufud reads each variable that it is given', () => {
  for (const [name, { environment = {} }] of processes) {
    for (const variable of Object.keys(environment)) {
      expect(settingNames, `${name} ${variable}`).toContain(variable.replace(/_FILE$/, ''))
    }
  }
})

test('nginx knows the processes by the addresses that they have', () => {
  const known = [...read('nginx/upstream-compose.conf').matchAll(/^ {2}server ([\d.]+):(\d+) /gm)].map(
    found => found[1],
  )
  expect(known).toEqual(processes.map(([, service]) => addressOf(service, 'backend')))
})

test('the files that it mounts are here, or are the operator’s', () => {
  const own = ['./hufud.yaml', './tls']
  for (const [name, { volumes = [] }] of services) {
    for (const volume of volumes) {
      const [from = ''] = volume.split(':')
      if (from.startsWith('./') && !own.includes(from)) {
        expect(existsSync(new URL(from, deploy)), `${name} ${volume}`).toBe(true)
      }
      if (from.startsWith('./')) expect(volume, name).toMatch(/:ro$/)
      else expect(compose.volumes, name).toHaveProperty(from)
    }
  }
})

test('the image runs as nobody in particular, from what npm ci made', () => {
  const [, runtime = ''] =
    read('Dockerfile')
      .split(/^FROM .* AS build$/m)[1]
      ?.split(/^(?=FROM )/m) ?? []
  expect(runtime).toMatch(/^USER 10001:10001$/m)
  expect(runtime).toContain('ENTRYPOINT ["node", "/opt/hufu/dist/hufud.cjs"]')
  expect(read('Dockerfile')).toMatch(/^RUN npm ci /m)
  for (const kept of ['.git', 'deploy/secrets', '**/*.key']) {
    expect(read('Dockerfile.dockerignore').split('\n')).toContain(kept)
  }
  expect(compose.services.migrate?.user).toBe('10001:10001')
})
