import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { serviceScopes } from '../../contract/schemas.ts'
import { toBase64url } from '../../lib/base64url.ts'
import { createMailbox } from '../../simulators/mailbox/mailbox.ts'
import { startOuterEdge } from '../../simulators/outer-edge.ts'
import { startSecurityKey } from '../../simulators/security-key/index.ts'
import { startWeChatSimulator } from '../../simulators/wechat/simulator.ts'
import { type Edge, migrateDatabase, startServer } from '../app.ts'
import type { Config } from '../config/config.ts'
import { ConfigError, loadConfig } from '../config/load-config.ts'
import { createOwnToken } from '../domain/admin/authority.ts'
import type { MessageSender } from '../domain/ports/messages.ts'
import { freePort } from '../free-port.ts'
import { wechatCallbackPath } from '../routes/wechat-callback.ts'

/** The line that `hufud serve --ephemeral --json` prints once it is ready. */
export interface Listening {
  readonly event: 'listening'
  readonly url: string
  readonly account: { readonly username: string; readonly password: string }
  readonly admin_token: string
  readonly outbox: string
  readonly wechat_scan: string
  readonly security_key: string
}

export interface EphemeralServer {
  readonly listening: Listening
  close(): Promise<void>
}

const username = 'demo'
const emailAddress = 'demo@example.com'
const day = 24 * 60 * 60_000

/**
 * A whole hufud on this machine with nothing to set up: the real server on a database in a temporary folder, and at
 * its outer edge simulators of WeChat, of the person's phone and mailbox, and a software security key. All of it is
 * gone when it closes.
 */
export async function startEphemeral(
  edge: Omit<Edge, 'senders'>,
  options: { port: number; database?: string | undefined; env: Readonly<Record<string, string | undefined>> },
): Promise<EphemeralServer> {
  const { clock, random } = edge
  const folder = mkdtempSync(join(tmpdir(), 'hufud-ephemeral-'))
  const closing: (() => Promise<unknown> | unknown)[] = [() => rmSync(folder, { recursive: true, force: true })]
  const close = async () => {
    for (const step of closing.splice(0).reverse()) await step()
  }
  try {
    const mailbox = createMailbox({ clock })
    const sender: MessageSender = {
      reach: () => 'available',
      send: async ({ channel, to, code, text, subject }) => {
        mailbox.deliver({ channel, to, code, text, subject })
        return { provider: 'mailbox', providerMessageId: null }
      },
      close: async () => {},
    }
    const wechat = await startWeChatSimulator({ clock, random })
    closing.push(() => wechat.close())
    const securityKey = await startSecurityKey({ clock, random, touch: 'automatic' })
    closing.push(() => securityKey.close())
    const outerEdge = await startOuterEdge({ mailbox, wechat })
    closing.push(() => outerEdge.close())

    const port = options.port || (await freePort())
    const { appId, appSecret, token, encodingAesKey } = wechat.credentials
    const config: Config = {
      ...loadConfig(
        { database: options.database ?? `sqlite:${join(folder, 'hufud.db')}` },
        {
          HOME: folder,
          HUFUD_LISTEN: `localhost:${port}`,
          HUFUD_ORIGIN: `http://localhost:${port}`,
          HUFUD_SECRET_KEY: toBase64url(random.bytes(32)),
        },
      ),
      wechat: {
        appId,
        appSecret,
        mode: 'qr',
        token,
        encodingAesKey,
        previousEncodingAesKey: undefined,
        confirmByCode: false,
        timeout: 5000,
        openPlatform: false,
        baseUrl: wechat.baseUrl,
        authorizeUrl: wechat.baseUrl,
      },
    }
    await migrateDatabase(config.database, { contract: false, clock })
    const server = await startServer(config, { ...edge, senders: { phone: sender, email: sender } })
    closing.push(() => server.close())
    const url = `http://localhost:${port}`
    wechat.setCallbackUrl(`${url}${wechatCallbackPath}`)

    const { accounts, credentials, domain } = server.services
    if (await domain.store.read.accounts.exist()) {
      throw new ConfigError('--database: this one has accounts. A server for trying out takes an empty one, or none.')
    }
    const password = toBase64url(random.bytes(12))
    const link = await accounts.create({ username, emailAddress }, { source: 'hufud serve --ephemeral' })
    const caller = { source: 'hufud serve --ephemeral', client: 'hufud', locale: 'en' } as const
    await credentials.redeemEnrolmentLink(caller, link.link_secret, password)
    const adminToken = await createOwnToken(domain, serviceScopes, day)
    return {
      listening: {
        event: 'listening',
        url,
        account: { username, password },
        admin_token: adminToken,
        outbox: outerEdge.outboxUrl,
        wechat_scan: outerEdge.wechatScanUrl,
        security_key: securityKey.address,
      },
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}
