// Lists every service in pages of two through Twilio's SDK for Node.
const twilio = require('twilio');

const [url, account, token] = process.argv.slice(2);
const client = twilio(account, token);
client.verify.baseUrl = url;

client.verify.v2.services.list({ pageSize: 2 }).then((services) => {
  console.log(JSON.stringify(services.map(({ friendlyName, url: own }) => [friendlyName, own])));
});
