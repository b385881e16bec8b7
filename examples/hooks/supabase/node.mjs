// The same hook as a program for Node 20, for a self-hosted Supabase.
import { createServer } from "node:http";
import { createHandler } from "./handler.mjs";

const MAX_BODY = 64 * 1024;
const handle = createHandler(process.env);

createServer(async (incoming, outgoing) => {
  try {
    const chunks = [];
    let size = 0;
    for await (const chunk of incoming) {
      size += chunk.length;
      if (size > MAX_BODY) throw new Error("the body is too large");
      chunks.push(chunk);
    }
    const response = await handle(
      new Request("http://localhost/", {
        method: "POST",
        headers: incoming.headers,
        body: Buffer.concat(chunks),
      }),
    );
    outgoing.writeHead(response.status, Object.fromEntries(response.headers));
    outgoing.end(await response.text());
  } catch (error) {
    console.error(`the request failed: ${error.name}`);
    outgoing.writeHead(400, { "Content-Type": "application/json" }).end("{}");
  }
}).listen(Number(process.env.PORT ?? 8080), process.env.HOST ?? "127.0.0.1");
