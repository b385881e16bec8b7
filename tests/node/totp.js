// The whole life of a TOTP factor through Twilio's SDK for Node with another base URL.
// Prints a URI on standard output for each code that it needs, and reads the code from
// standard input. The last line has the results.
const readline = require('readline');
const twilio = require('twilio');

const [url, account, token, service, identity] = process.argv.slice(2);
const client = twilio(account, token);
client.verify.baseUrl = url;

const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const readCode = async (kind) => {
  console.log(kind);
  return (await lines.next()).value;
};
const errorOf = async (promise) => {
  try {
    await promise;
    return null;
  } catch (error) {
    return [error.status, error.code, error.message];
  }
};

(async () => {
  const results = {};
  const verify = client.verify.v2.services(service);
  const entity = verify.entities(identity);
  const factor = await entity.newFactors.create({
    friendlyName: 'My phone',
    factorType: 'totp',
    'config.skew': 2,
    metadata: { os: 'Android' },
  });
  results.created = [factor.status, factor.identity === identity, factor.dateCreated instanceof Date];
  results.config = factor.config;
  results.metadata = factor.metadata;
  console.log(factor.binding.uri);

  const wrongFactor = await entity.factors(factor.sid).update({ authPayload: await readCode('wrong') });
  results.wrongFactor = wrongFactor.status;
  results.unverified = await errorOf(entity.challenges.create({ factorSid: factor.sid }));
  const verified = await entity.factors(factor.sid).update({ authPayload: await readCode('earlier') });
  results.verified = verified.status;

  const wrong = await entity.challenges.create({ factorSid: factor.sid, authPayload: await readCode('wrong') });
  results.wrong = wrong.status;
  const code = await readCode('current');
  const approved = await entity.challenges.create({ factorSid: factor.sid, authPayload: code });
  results.approved = [approved.status, approved.dateResponded instanceof Date, approved.factorSid === factor.sid];
  const replayed = await entity.challenges.create({ factorSid: factor.sid, authPayload: code });
  results.replayed = replayed.status;

  const pending = await entity.challenges.create({
    factorSid: factor.sid,
    expirationDate: new Date(Date.now() + 10 * 60 * 1000),
    hiddenDetails: { ip: '192.0.2.1' },
  });
  results.pending = [pending.status, pending.hiddenDetails, pending.dateResponded];
  const answered = await entity.challenges(pending.sid).update({ authPayload: await readCode('later') });
  results.answered = answered.status;
  results.again = await errorOf(entity.challenges(pending.sid).update({ authPayload: code }));
  results.fetched = (await entity.challenges(pending.sid).fetch()).status;
  results.listed = (await entity.challenges.list({ pageSize: 2, order: 'desc' })).length;
  results.approvedOnes = (await entity.challenges.list({ status: 'approved', factorSid: factor.sid })).length;

  const renamed = await entity.factors(factor.sid).update({ friendlyName: 'Other phone' });
  results.renamed = [renamed.friendlyName, renamed.status];
  results.factors = (await entity.factors.list()).map((each) => each.sid === factor.sid);
  results.entity = (await entity.fetch()).sid === factor.entitySid;
  results.entities = (await verify.entities.list({ pageSize: 1 })).some((each) => each.identity === identity);
  results.removedFactor = await entity.factors(factor.sid).remove();
  results.noFactor = await errorOf(entity.factors(factor.sid).fetch());
  results.removedEntity = await entity.remove();
  results.noEntity = await errorOf(entity.fetch());
  console.log(JSON.stringify(results));
  process.exit(0);
})();
