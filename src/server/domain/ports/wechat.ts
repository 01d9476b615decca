// What the domain needs of a WeChat official account: a QR code that carries a scene, and the pushes that tell who
// scanned it. The errors are in wechat-error.ts.

/** A temporary parametric QR code. */
export interface WeChatQr {
  /** The text to draw as a QR code, about 45 characters. */
  readonly url: string
  /** Seconds until WeChat refuses to resolve it. */
  readonly expiresInSeconds: number
}

/** Somebody scanned one of our QR codes. */
export interface WeChatScan {
  readonly kind: 'scan'
  /** The scene given to `createQr`, without WeChat's `qrscene_` prefix; 1–64 characters. */
  readonly scene: string
  /** Who scanned: the person's id with this official account alone. */
  readonly openid: string
  /** Seconds since the Unix epoch. With `openid` it names the event: WeChat repeats a push that is answered late. */
  readonly createTime: number
  /** Whether this scan made the person follow the account (`subscribe`); false where they followed it already. */
  readonly followed: boolean
  /** The account's own id (`gh_…`), which a reply is sent from. */
  readonly officialAccount: string
  /** The key that opened the push; a reply is sealed with the same one while keys are being rotated. */
  readonly sealedWith: 'current' | 'previous'
}

/** A genuine push: a scan, or something that is none of our business and is answered with `success`. */
export type WeChatPush = WeChatScan | { readonly kind: 'other' }

/** The query of a callback request as the router parsed it: a repeated parameter may be an array. */
export type WeChatCallbackQuery = Readonly<Record<string, unknown>>

export interface WeChat {
  /**
   * A QR code that leads whoever scans it to the official account, and tells us by a push carrying `scene`.
   * @param scene 1–64 characters of `A–Z a–z 0–9 _ -`; at least 112 random bits, single use
   * @param expiresInSeconds 1–2,592,000 (30 days)
   * @throws {WeChatError} when WeChat does not give one
   * @throws {RangeError} when an argument is outside what is said here
   */
  createQr(scene: string, expiresInSeconds: number): Promise<WeChatQr>
  /**
   * The person's id with all accounts of one Open Platform account, within two seconds.
   * @param openid of somebody who has just scanned
   * @returns `undefined` where this official account is tied to none, or WeChat tells none
   * @throws {WeChatError}
   */
  readUnionid(openid: string): Promise<string | undefined>
  /**
   * Answers the request by which WeChat checks the callback address.
   * @returns the `echostr` to answer verbatim, as text/plain
   * @throws {WeChatPushRefused} when the request is not signed with our token
   */
  verifyUrl(query: WeChatCallbackQuery): string
  /**
   * Authenticates, decrypts and reads a push. It keeps no state: a repeated push opens again, with the same `openid`
   * and `createTime`. What was signed more than five minutes ago, or ahead of our clock, is no push any more.
   * @param body the request's text, untouched
   * @throws {WeChatPushRefused} when it is not a genuine push for this official account in AES mode
   */
  openPush(query: WeChatCallbackQuery, body: string): WeChatPush
  /**
   * The body of an answer to a push that says `text` to the person who scanned, as application/xml. It must leave
   * within 5 seconds of the push.
   * @param text at most 2048 bytes of UTF-8
   * @throws {RangeError} when it is longer
   */
  sealReply(scan: WeChatScan, text: string): string
}

/**
 * - `refresh`: to ask for the next token; given back afterwards
 * - `force`: to have WeChat void the token that it keeps handing out; kept, so that it happens seldom
 */
export type WeChatTokenLease = 'refresh' | 'force'

/** Keeps the official account's access token for all processes; the implementation encrypts it at rest. */
export interface WeChatAccessTokenStore {
  /**
   * The token last written, unless it has expired by `now`.
   * @param now milliseconds since the Unix epoch
   */
  read(now: number): Promise<WeChatAccessToken | undefined>
  /**
   * Replaces the token.
   * @param value the token; WeChat asks for room for 512 characters
   * @param expiresAt milliseconds since the Unix epoch
   */
  write(value: string, expiresAt: number): Promise<void>
  /**
   * Takes a lease over all processes. Whoever holds it and dies loses it at `until`.
   * @param holder a random text that tells this claim from others
   * @returns false while another's lasts
   */
  claim(lease: WeChatTokenLease, holder: string, until: number, now: number): Promise<boolean>
  /** Gives the lease `refresh` back, if it is `holder`'s still. */
  release(holder: string): Promise<void>
}

export interface WeChatAccessToken {
  readonly value: string
  /** Milliseconds since the Unix epoch. */
  readonly expiresAt: number
}
