// A certified OpenID Provider (npm oidc-provider) for the end-to-end tests: one
// client, people who may sign in with any password, refresh tokens that rotate
// and whose reuse revokes the family. Settings come as JSON in argv[2]; it
// prints one JSON line when it listens and one for each event worth a test.
import http from 'node:http'
import Provider from 'oidc-provider'

const o = JSON.parse(process.argv[2])
const say = (event, more = {}) => console.log(JSON.stringify({ event, ...more }))

const provider = new Provider(o.issuer, {
  clients: [{
    client_id: o.clientID,
    client_secret: o.clientSecret,
    redirect_uris: o.redirectURIs,
    post_logout_redirect_uris: o.postLogoutRedirectURIs,
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'client_secret_basic',
  }],
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'preferred_username'], groups: ['groups'] },
  scopes: ['openid', 'offline_access', 'email', 'profile', 'groups'],
  features: {
    devInteractions: { enabled: true },
    revocation: { enabled: true },
    introspection: { enabled: true },
    rpInitiatedLogout: { enabled: true },
    userinfo: { enabled: true },
  },
  pkce: { required: () => true },
  rotateRefreshToken: true,
  issueRefreshToken: async (ctx, client, code) => client.grantTypeAllowed('refresh_token') && code.scopes.has('offline_access'),
  ttl: { AccessToken: o.accessTokenSeconds ?? 3600, IdToken: 3600, RefreshToken: 86400, Session: 86400, Grant: 86400, Interaction: 600 },
  cookies: { keys: ['end-to-end'] },
  findAccount: async (ctx, sub) => ({
    accountId: sub,
    claims: async () => ({ sub, email: `${sub}@example.com`, email_verified: true, name: `Person ${sub}`, groups: sub === 'alice' ? ['admins'] : [] }),
  }),
  async loadExistingGrant(ctx) { // consent is not what these tests are about
    const id = ctx.oidc.result?.consent?.grantId || ctx.oidc.session.grantIdFor(ctx.oidc.client.clientId)
    if (id) return ctx.oidc.provider.Grant.find(id)
    const grant = new ctx.oidc.provider.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId })
    grant.addOIDCScope('openid offline_access email profile groups')
    await grant.save()
    return grant
  },
})

for (const name of ['grant.success', 'grant.error', 'grant.revoked', 'access_token.issued', 'refresh_token.consumed', 'revocation.error', 'end_session.success', 'server_error', 'authorization.error']) {
  provider.on(name, (...args) => {
    const err = args.find((a) => a instanceof Error)
    say(name, err ? { error: err.error ?? err.message, description: err.error_description, detail: err.error_detail } : {})
  })
}

const server = http.createServer(provider.callback())
server.listen(Number(new URL(o.issuer).port), '127.0.0.1', () => say('listening', { issuer: o.issuer }))
process.stdin.on('end', () => process.exit(0)) // ends with the test that started it
process.stdin.resume()
