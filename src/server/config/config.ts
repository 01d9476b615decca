import type { Policy } from '../domain/domain.ts'

/** How mail leaves. */
export interface EmailConfig {
  /** `Name <address>`, or the address alone. */
  readonly from: string
  readonly replyTo: string | undefined
  readonly smtp: SmtpConfig
  readonly dkim: DkimConfig | undefined
}

export interface SmtpConfig {
  readonly host: string
  readonly port: number
  /** `tls`: from the first byte on (465). `starttls`: refused without (587). `none`: on loopback alone. */
  readonly security: 'tls' | 'starttls' | 'none'
  readonly auth: SmtpAuth | undefined
  /** PEM file contents of the authorities that the server's certificate leads to; `undefined`: the system's. */
  readonly ca: string | undefined
  /** What this host calls itself in EHLO. */
  readonly name: string | undefined
  /** Connections at once. */
  readonly connections: number
  /** Milliseconds for connecting, and for each answer. */
  readonly timeout: number
}

export type SmtpAuth =
  | { readonly method: 'password'; readonly username: string; readonly password: string }
  | {
      /** SASL XOAUTH2; the access token is fetched with the refresh token, and again when it has expired. */
      readonly method: 'xoauth2'
      readonly username: string
      readonly clientId: string
      readonly clientSecret: string
      readonly refreshToken: string
      readonly tokenUrl: string
    }

export interface DkimConfig {
  readonly domain: string
  readonly selector: string
  /** PEM. */
  readonly privateKey: string
}

/** Text messages: who delivers to which countries. */
export interface SmsConfig {
  /** Tried in this order; the first whose countries match delivers, its `providers` one after the other. */
  readonly routes: readonly SmsRoute[]
  readonly aliyun: AliyunConfig | undefined
  readonly tencent: TencentConfig | undefined
  readonly twilio: TwilioConfig | undefined
  /**
   * What stands in the addresses to which Aliyun and Tencent Cloud push their receipts, since they sign nothing; at
   * least 22 characters of base64url. `undefined`: no receipts are taken.
   */
  readonly receiptSecret: string | undefined
}

export interface SmsRoute {
  /** Country calling codes, `+86`; `undefined`: all that are left. Countries in no route are not served. */
  readonly countries: readonly string[] | undefined
  readonly providers: readonly SmsProviderName[]
}

export const smsProviders = ['aliyun', 'tencent', 'twilio'] as const
export type SmsProviderName = (typeof smsProviders)[number]

/** A template of a message, one for each language; where one is missing the other serves. */
export interface Templates {
  readonly 'zh-CN': string | undefined
  readonly en: string | undefined
}

export interface AliyunConfig {
  readonly accessKeyId: string
  readonly accessKeySecret: string
  readonly signName: string
  /** With the one variable `code`. */
  readonly codeTemplates: Templates
  /** With the variables `what`, `account`, `time`. `undefined`: no notices by Aliyun. */
  readonly noticeTemplates: Templates | undefined
  /** For notices with a link: with the variable `link`, too, the secret part of the address that undoes the change. */
  readonly noticeTemplatesWithLink: Templates | undefined
  readonly baseUrl: string
  /** Milliseconds for a whole call. */
  readonly timeout: number
}

export interface TencentConfig {
  readonly secretId: string
  readonly secretKey: string
  readonly sdkAppId: string
  readonly signName: string
  readonly region: string
  /** With one variable, the code. */
  readonly codeTemplates: Templates
  /** With the variables what, account, time, in this order. `undefined`: no notices by Tencent Cloud. */
  readonly noticeTemplates: Templates | undefined
  /** For notices with a link, which is the fourth variable. */
  readonly noticeTemplatesWithLink: Templates | undefined
  readonly baseUrl: string
  readonly timeout: number
}

export interface TwilioConfig {
  readonly accountSid: string
  readonly authToken: string
  /** A number in E.164, or a messaging service's SID (`MG…`). */
  readonly from: string
  /** Where receipts go: an address of ours, or `undefined` for none. */
  readonly statusCallback: string | undefined
  readonly baseUrl: string
  readonly timeout: number
}

export interface WeChatConfig {
  readonly appId: string
  readonly appSecret: string
  /** `qr`: a parametric QR code and the push that tells of its scan. `oauth`: web authorisation. */
  readonly mode: 'qr' | 'oauth'
  /** Of the message push; needed in mode `qr`. */
  readonly token: string
  readonly encodingAesKey: string
  readonly previousEncodingAesKey: string | undefined
  /** Whether whoever scanned must have a code typed in where the QR code was shown: against relayed QR codes. */
  readonly confirmByCode: boolean
  /** Whether the official account is tied to an Open Platform account, so that people have a unionid. */
  readonly openPlatform: boolean
  readonly baseUrl: string
  /** Where web authorisation begins. */
  readonly authorizeUrl: string
  /** Milliseconds for one call of the API. */
  readonly timeout: number
}

/** A method that is configured, but cannot work: what is missing, in words for the operator. */
export interface MethodOff {
  readonly method: 'email' | 'phone' | 'wechat'
  readonly provider: string
  readonly reason: string
}

/** Where everything is kept. */
export type DatabaseConfig =
  | { readonly engine: 'sqlite'; readonly path: string }
  | {
      readonly engine: 'postgres'
      /** `postgres://…`; it may hold a password. */
      readonly url: string
      /** At once, at most. */
      readonly connections: number
      /** Milliseconds after which the server gives a statement up. */
      readonly statementTimeout: number
      /** Whether busy statements are prepared; a pooler in between may not bear it. */
      readonly preparesStatements: boolean
    }

export interface Config {
  readonly host: string
  readonly port: number
  readonly database: DatabaseConfig
  /** Where the 32-byte key lies, or its base64url text itself. */
  readonly secretKey:
    | {
        readonly file: string
        /** Whether processes elsewhere must have the same, so that none may make one up. */
        readonly isShared?: boolean
      }
    | { readonly text: string }
  readonly trustedProxies: readonly string[]
  readonly logLevel: string
  readonly hashConcurrency: number
  readonly hashQueue: number
  readonly policy: Policy
  /** How long events are kept, in milliseconds; `undefined`: for ever. */
  readonly keepEventsFor: number | undefined
  readonly email: EmailConfig | undefined
  readonly sms: SmsConfig | undefined
  readonly wechat: WeChatConfig | undefined
  /** Where Prometheus metrics are served, apart from the API; `undefined`: nowhere. */
  readonly metrics: { readonly host: string; readonly port: number } | undefined
  /** What is configured and off all the same, for want of a secret. */
  readonly off: readonly MethodOff[]
  /** What works and should be looked at all the same, in words for the operator. */
  readonly warnings: readonly string[]
}
