import { request } from 'node:http'

/** A page as the browser shows it. */
export interface ShownPage {
  readonly url: string
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly html: string
}

export interface BrowserOptions {
  /** The `Cookie` header for WeChat's own host, in which it knows who holds the phone. */
  readonly wechatCookie: string
  readonly wechatOrigin: string
  readonly language?: string
}

const mostRedirects = 5
const timeout = 10_000
const longestPage = 256 * 1024

/**
 * The browser inside WeChat, as far as pages without script need one: cookies of each origin, forms, redirects, and
 * the headers by which a browser says where a form came from. Plain http, on this machine.
 */
export class WeChatBrowser {
  readonly #options: BrowserOptions
  readonly #cookies = new Map<string, Map<string, string>>()
  /** Every page of the way, redirects included. */
  readonly visited: ShownPage[] = []

  constructor(options: BrowserOptions) {
    this.#options = options
  }

  /** Opens an address and follows where it leads. */
  open(url: string): Promise<ShownPage> {
    return this.#follow(url, undefined)
  }

  /** Presses the button of the page's form that stands at `index`. */
  press(page: ShownPage, index: number): Promise<ShownPage> {
    const form = /<form method="post"(?: action="([^"]*)")?>/.exec(page.html)
    const buttons = [...page.html.matchAll(/<button [^>]*name="([^"]*)" value="([^"]*)"/g)]
    const button = buttons[index]
    if (!form || !button) throw new Error('there is no such button')
    const body = new URLSearchParams([[button[1] ?? '', button[2] ?? '']]).toString()
    return this.#follow(new URL(form[1] ?? page.url, page.url).href, body)
  }

  /** What is kept for an origin, as `name=value`. */
  cookiesOf(origin: string): string {
    return [...(this.#cookies.get(origin) ?? [])].map(([name, value]) => `${name}=${value}`).join('; ')
  }

  async #follow(url: string, form: string | undefined): Promise<ShownPage> {
    let page = await this.#send(url, form)
    for (let hops = 0; page.headers.location !== undefined; hops++) {
      if (hops === mostRedirects) throw new Error('too many redirects')
      page = await this.#send(new URL(page.headers.location, page.url).href, undefined)
    }
    return page
  }

  #send(address: string, form: string | undefined): Promise<ShownPage> {
    const url = new URL(address)
    const isWeChat = url.origin === this.#options.wechatOrigin
    if (isWeChat && url.hash !== '#wechat_redirect') throw new Error('the address lacks #wechat_redirect')
    const cookie = isWeChat ? this.#options.wechatCookie : this.cookiesOf(url.origin)
    const sent = {
      ...(cookie === '' ? {} : { cookie }),
      'accept-language': this.#options.language ?? 'zh-CN,zh;q=0.9,en-US;q=0.8,en;q=0.7',
      'user-agent': 'Mozilla/5.0 (Linux; Android 14) MicroMessenger/8.0.50',
      ...(form === undefined
        ? {}
        : {
            origin: url.origin,
            'sec-fetch-site': 'same-origin',
            'content-type': 'application/x-www-form-urlencoded',
            'content-length': String(Buffer.byteLength(form)),
          }),
    }
    return new Promise((resolve, reject) => {
      const call = request(
        url,
        {
          method: form === undefined ? 'GET' : 'POST',
          agent: false,
          headers: sent,
          signal: AbortSignal.timeout(timeout),
        },
        response => {
          const chunks: Buffer[] = []
          let length = 0
          response.on('data', (chunk: Buffer) => {
            length += chunk.length
            if (length > longestPage) response.destroy(new Error('too long a page'))
            else chunks.push(chunk)
          })
          response.on('error', reject)
          response.on('end', () => {
            this.#keep(url.origin, response.headers['set-cookie'] ?? [])
            const headers: Record<string, string> = {}
            for (const [name, value] of Object.entries(response.headers)) headers[name] = String(value)
            const html = Buffer.concat(chunks).toString('utf8')
            const page = { url: address, status: response.statusCode ?? 0, headers, html }
            this.visited.push(page)
            resolve(page)
          })
        },
      )
      call.on('error', reject)
      call.end(form)
    })
  }

  #keep(origin: string, lines: readonly string[]): void {
    const jar = this.#cookies.get(origin) ?? new Map<string, string>()
    this.#cookies.set(origin, jar)
    for (const line of lines) {
      const [pair = '', ...attributes] = line.split(';').map(part => part.trim())
      const at = pair.indexOf('=')
      if (attributes.some(attribute => attribute.toLowerCase() === 'max-age=0')) jar.delete(pair.slice(0, at))
      else jar.set(pair.slice(0, at), pair.slice(at + 1))
    }
  }
}
