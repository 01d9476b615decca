import * as Type from 'typebox/type'
import { closed, fileName } from './schema-members.ts'

const Smtp = Type.Object(
  {
    host: Type.String({
      description: 'Host name of the mail server.',
      pattern: '^[A-Za-z0-9._:-]{1,253}$',
      examples: ['smtp.example.org'],
    }),
    port: Type.Optional(
      Type.Integer({
        description: 'TCP port. Where it is missing: 465 with tls, 587 with starttls, 25 with none.',
        minimum: 1,
        maximum: 65_535,
        examples: [587],
      }),
    ),
    security: Type.Optional(
      Type.Enum(['tls', 'starttls', 'none'], {
        description:
          'tls: encrypted from the first byte on. starttls: encrypted before anything is said, or nothing is sent. ' +
          'none: on this machine alone. Where it is missing: tls on port 465, else starttls.',
        examples: ['starttls'],
      }),
    ),
    auth: Type.Optional(
      Type.Enum(['none', 'password', 'xoauth2'], {
        description:
          'How hufud says who it is. password: HUFUD_SMTP_PASSWORD. xoauth2: HUFUD_SMTP_REFRESH_TOKEN and ' +
          'HUFUD_SMTP_CLIENT_SECRET, with client_id and token_url. Where it is missing: password where there is a ' +
          'username, else none.',
        examples: ['password'],
      }),
    ),
    username: Type.Optional(
      Type.String({ description: 'User name at the mail server.', minLength: 1, maxLength: 254, examples: ['hufu'] }),
    ),
    client_id: Type.Optional(
      Type.String({
        description: 'With xoauth2: the OAuth client that the refresh token was given to.',
        minLength: 1,
        maxLength: 512,
        examples: ['1234567890-abc.apps.googleusercontent.com'],
      }),
    ),
    token_url: Type.Optional(
      Type.String({
        description: 'With xoauth2: where a refresh token is exchanged for an access token. https.',
        examples: ['https://oauth2.googleapis.com/token'],
      }),
    ),
    ca_file: Type.Optional(
      fileName('Certificates in PEM that the mail server’s leads to; without it those of the system.', 'mail-ca.pem'),
    ),
    name: Type.Optional(
      Type.String({
        description: 'What this host calls itself in EHLO.',
        pattern: '^[A-Za-z0-9.:\\[\\]-]{1,253}$',
        examples: ['accounts.example.org'],
      }),
    ),
    connections: Type.Optional(
      Type.Integer({ description: 'Connections at once.', minimum: 1, maximum: 50, default: 10 }),
    ),
    timeout_seconds: Type.Optional(
      Type.Integer({
        description: 'Seconds for connecting, and for each answer.',
        minimum: 1,
        maximum: 25,
        default: 10,
      }),
    ),
  },
  { ...closed, title: 'SMTP', description: 'The mail server that takes mail from hufud.' },
)

const Dkim = Type.Object(
  {
    domain: Type.String({
      description: 'The domain that signs: that of `from`, or one above it.',
      pattern: '^[A-Za-z0-9-]{1,63}(\\.[A-Za-z0-9-]{1,63})+$',
      examples: ['example.org'],
    }),
    selector: Type.String({
      description: 'The public key is in DNS, in the TXT record of SELECTOR._domainkey.DOMAIN.',
      pattern: '^[A-Za-z0-9]([A-Za-z0-9.-]{0,61}[A-Za-z0-9])?$',
      examples: ['hufu'],
    }),
    key_file: fileName('The private key in PEM, RSA of 2048 bits or more.', 'dkim.pem'),
  },
  { ...closed, title: 'DKIM', description: 'Signs mail, where the mail server does not (RFC 6376).' },
)

/** The member `email` of the configuration file. */
export const EmailSection = Type.Object(
  {
    from: Type.String({
      description: 'Who mail comes from: an address, or `Name <address>`.',
      minLength: 3,
      maxLength: 320,
      examples: ['hufu <no-reply@example.org>'],
    }),
    reply_to: Type.Optional(
      Type.String({
        description: 'Where answers go: an address, or `Name <address>`.',
        minLength: 3,
        maxLength: 320,
        examples: ['support@example.org'],
      }),
    ),
    smtp: Smtp,
    dkim: Type.Optional(Dkim),
  },
  { ...closed, title: 'Email', description: 'Mail with codes and notices.' },
)
export type EmailSection = Type.Static<typeof EmailSection>
